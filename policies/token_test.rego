package corridor.token_test

import data.corridor.token

# A world of its own, so that editing data.json does not change what the rules mean.
grants := [
	{"workflow": "nightly-index", "purpose": "search-indexing", "resource": "https://crm.example/api", "scopes": ["crm:read", "crm:list"], "max_ttl": 300},
	{
		"workflow": "nightly-index",
		"purpose": "search-indexing",
		"resource": "https://crm.example/api",
		"scopes": [],
		"authorization_details": [{"type": "crm_export", "actions": ["read", "list"]}],
		"max_ttl": 120,
	},
	{"workflow": "nightly-index", "purpose": "backfill", "resource": "https://billing.example/api", "scopes": ["billing:read"], "max_ttl": 60},
]

request := {
	"version": 1,
	"now": {"unix": 1772543100, "weekday": "tue", "date": "2026-03-03", "hour": 14, "minute": 5, "zone": "Europe/Berlin"},
	"run": {
		"id": "run01",
		"agent": {"name": "indexer", "version": "1.4.0", "model": "none"},
		"operator": "ada@example.com",
		"purpose": "search-indexing",
		"runtime": "ci",
		"started_at": 1772543100,
		"expires_at": 1772544000,
		"ancestors": [],
	},
	"workflow": {"id": "nightly-index", "owner": "search-team@example.com", "purposes": ["search-indexing"], "labels": {}},
	"request": {"resource": "https://crm.example/api", "scopes": ["crm:read"]},
	"resource": {"id": "crm", "uri": "https://crm.example/api", "authorization_server": "demo", "scopes": ["crm:read", "crm:write"], "labels": {}},
	"client": {"id": "indexer", "owner": "search-team@example.com", "method": "private_key_jwt", "credential_age_days": 1},
}

# The answer to the request above with some members replaced.
answer(replaced) := decision if {
	decision := token.decision with input as object.union(request, replaced) with data.grants as grants
}

denied(replaced, reasons) if answer(replaced) == {"allow": false, "reasons": reasons}

test_grants_what_a_grant_gives if {
	answer({}) == {
		"allow": true,
		"reasons": [{"code": "granted"}],
		"obligations": {"scopes": ["crm:read"], "max_ttl": 300, "isolation": "run"},
	}
}

test_grants_several_scopes_of_one_grant if {
	answer({"request": {"scopes": ["crm:list", "crm:read"]}}).obligations.scopes == ["crm:list", "crm:read"]
}

test_denies_a_workflow_without_a_grant if denied({"workflow": {"id": "inbox-triage"}}, [{"code": "no_grant"}])

test_denies_a_workflow_whose_name_only_begins_alike if denied({"workflow": {"id": "nightly-index-2"}}, [{"code": "no_grant"}])

test_denies_a_resource_without_a_grant if denied({"resource": {"uri": "https://crm.example/api/v2"}}, [{"code": "no_grant"}])

test_denies_another_purpose if denied({"run": {"purpose": "backfill"}}, [{"code": "purpose_not_allowed"}])

test_denies_a_scope_that_is_not_granted if {
	denied({"request": {"scopes": ["crm:write"]}}, [{"code": "scope_not_granted", "scope": "crm:write"}])
}

test_denies_rather_than_narrows if {
	denied({"request": {"scopes": ["crm:read", "crm:write"]}}, [{"code": "scope_not_granted", "scope": "crm:write"}])
}

test_denies_each_scope_that_is_not_granted if {
	denied({"request": {"scopes": ["crm:write", "crm:erase"]}}, [
		{"code": "scope_not_granted", "scope": "crm:erase"},
		{"code": "scope_not_granted", "scope": "crm:write"},
	])
}

test_denies_no_scope if denied({"request": {"scopes": []}}, [{"code": "no_scope_asked"}])

test_denies_no_scope_where_there_is_no_grant if {
	denied({"request": {"scopes": []}, "workflow": {"id": "inbox-triage"}}, [{"code": "no_grant"}, {"code": "no_scope_asked"}])
}

test_denies_scopes_that_are_no_list if denied({"request": {"scopes": "crm:read"}}, [{"code": "no_scope_asked"}])

test_denies_outside_hours if {
	denied({"workflow": {"labels": {"hours": "office"}}, "now": {"hour": 18}}, [{"code": "outside_hours"}])
}

test_denies_above_the_ceiling if {
	denied({"workflow": {"labels": {"ceiling": "none"}}}, [{"code": "scope_above_ceiling", "scope": "crm:read"}])
}

test_speaks_of_the_ceiling_only_where_a_grant_goes_above_it if {
	denied({"workflow": {"labels": {"ceiling": "none"}}, "request": {"scopes": ["crm:write"]}}, [{"code": "scope_not_granted", "scope": "crm:write"}])
}

test_gives_every_reason if {
	denied({"request": {"scopes": ["crm:write"]}, "workflow": {"labels": {"hours": "office"}}, "now": {"weekday": "sun"}}, [
		{"code": "outside_hours"},
		{"code": "scope_not_granted", "scope": "crm:write"},
	])
}

# Authorization details: as what is asked for, beside scopes or without.

export := {"type": "crm_export", "actions": ["read"]}

test_grants_details_that_a_grant_names if {
	answer({"request": {"scopes": [], "authorization_details": [export]}}) == {
		"allow": true,
		"reasons": [{"code": "granted"}],
		"obligations": {"authorization_details": [export], "max_ttl": 120, "isolation": "run"},
	}
}

test_grants_details_beside_scopes if {
	answer({"request": {"authorization_details": [export]}}).obligations == {
		"scopes": ["crm:read"],
		"authorization_details": [export],
		"max_ttl": 120,
		"isolation": "run",
	}
}

test_denies_details_that_no_grant_names if {
	denied({"request": {"authorization_details": [export, {"type": "crm_export", "actions": ["write"]}]}}, [{"code": "details_not_granted", "type": "crm_export"}])
}

test_denies_details_where_there_is_no_grant if {
	denied({"request": {"authorization_details": [export]}, "workflow": {"id": "inbox-triage"}}, [{"code": "no_grant"}])
}

test_denies_scopes_that_are_not_granted_beside_details if {
	denied({"request": {"scopes": ["crm:write"], "authorization_details": [export]}}, [{"code": "scope_not_granted", "scope": "crm:write"}])
}

test_denies_details_below_a_ceiling if {
	denied({"request": {"scopes": [], "authorization_details": [export]}, "workflow": {"labels": {"ceiling": "none"}}}, [{"code": "details_above_ceiling", "type": "crm_export"}])
}

test_denies_details_outside_hours if {
	denied({"request": {"authorization_details": [export]}, "workflow": {"labels": {"hours": "office"}}, "now": {"hour": 18}}, [{"code": "outside_hours"}])
}

# Corridor denies an allowance that does not decide details.
test_decides_no_details_that_are_no_list if {
	not answer({"request": {"authorization_details": export}}).obligations.authorization_details
}

test_denies_no_details_and_no_scope if {
	denied({"request": {"scopes": [], "authorization_details": []}}, [{"code": "no_scope_asked"}])
}

# What is missing denies, whatever it is.

without(path) := decision if {
	decision := token.decision with input as json.remove(request, [path]) with data.grants as grants
}

test_denies_an_empty_input if {
	token.decision == {"allow": false, "reasons": [{"code": "no_grant"}, {"code": "no_scope_asked"}]} with input as {} with data.grants as grants
}

test_denies_an_input_that_is_no_object if {
	every malformed in [null, false, 0, "input", []] {
		token.decision.allow == false with input as malformed with data.grants as grants
	}
}

test_denies_without_a_workflow if without("workflow") == {"allow": false, "reasons": [{"code": "no_grant"}]}

test_denies_without_a_resource if without("resource") == {"allow": false, "reasons": [{"code": "no_grant"}]}

test_denies_without_a_purpose if without("run/purpose") == {"allow": false, "reasons": [{"code": "purpose_not_allowed"}]}

test_denies_without_a_request if without("request") == {"allow": false, "reasons": [{"code": "no_scope_asked"}]}

test_denies_without_grants if {
	token.decision == {"allow": false, "reasons": [{"code": "no_grant"}]} with input as request with data.grants as []
}
