package corridor.grants_test

import data.corridor.grants

grant := {"workflow": "w", "purpose": "p", "resource": "https://r.example", "scopes": ["r:read"], "max_ttl": 300}

shorter := {"workflow": "w", "purpose": "p", "resource": "https://r.example", "scopes": ["r:write"], "max_ttl": 60}

request := {
	"run": {"purpose": "p"},
	"workflow": {"id": "w"},
	"request": {"scopes": ["r:read"]},
	"resource": {"uri": "https://r.example"},
}

asking(scopes) := object.union(request, {"request": {"scopes": scopes}})

test_several_grants_add_up if {
	grants.scopes == {"r:read", "r:write"} with input as request with data.grants as [grant, shorter]
}

test_the_life_is_that_of_the_grant_used if {
	grants.max_ttl == 300 with input as request with data.grants as [grant, shorter]
}

test_the_shortest_life_of_the_grants_used_wins if {
	grants.max_ttl == 60 with input as asking(["r:read", "r:write"]) with data.grants as [grant, shorter]
}

test_a_grant_without_a_life_gives_five_minutes if {
	grants.max_ttl == 300 with input as request with data.grants as [json.remove(grant, ["max_ttl"])]
}

test_a_grant_of_another_purpose_gives_nothing if {
	count(grants.scopes) == 0 with input as object.union(request, {"run": {"purpose": "q"}}) with data.grants as [grant]
}

payments := {
	"workflow": "w",
	"purpose": "p",
	"resource": "https://r.example",
	"scopes": [],
	"authorization_details": [{"type": "payment", "actions": ["initiate", "status"], "creditor": "acme"}],
	"max_ttl": 30,
}

gives(detail) if grants.gives(detail) with input as request with data.grants as [grant, payments]

test_gives_a_detail_that_is_named if gives({"type": "payment", "actions": ["initiate", "status"], "creditor": "acme"})

test_gives_fewer_actions_of_it if gives({"type": "payment", "actions": ["status"], "creditor": "acme"})

test_gives_no_more_actions if not gives({"type": "payment", "actions": ["status", "cancel"], "creditor": "acme"})

# They may mean all.
test_gives_no_actions_that_are_not_said if {
	not gives({"type": "payment", "creditor": "acme"})
	not gives({"type": "payment", "actions": [], "creditor": "acme"})
}

test_gives_no_other_value if not gives({"type": "payment", "actions": ["status"], "creditor": "evil"})

test_gives_no_other_member if not gives({"type": "payment", "actions": ["status"], "creditor": "acme", "urgent": true})

test_gives_no_other_type if not gives({"type": "account", "actions": ["status"], "creditor": "acme"})

test_gives_nothing_for_what_is_no_object if {
	every malformed in ["payment", null, 1, ["payment"]] {
		not gives(malformed)
	}
}

test_a_detail_that_is_used_shortens_the_life if {
	asked := object.union(request, {"request": {"authorization_details": [{"type": "payment", "actions": ["status"], "creditor": "acme"}]}})
	grants.max_ttl == 30 with input as asked with data.grants as [grant, payments]
}

# The grants of data.json themselves: a member that is misspelt would be a grant that never counts.
test_every_grant_is_whole if {
	every grant in data.grants {
		object.keys(grant) - {"max_ttl", "authorization_details"} == {"workflow", "purpose", "resource", "scopes"}
		every name in [grant.workflow, grant.purpose, grant.resource] {
			is_string(name)
		}
		is_array(grant.scopes)
		every scope in grant.scopes {
			is_string(scope)
		}
		details := object.get(grant, "authorization_details", [])
		is_array(details)
		every detail in details {
			is_string(detail.type)
		}
		life := object.get(grant, "max_ttl", 300)
		life == floor(life)
		life > 0
	}
}
