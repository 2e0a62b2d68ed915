# Who may have which token: the entrypoint corridor/token/decision.
#
# A token is granted when every condition holds, and a condition that cannot be told does not hold. What does not hold
# is said in the reasons. Whoever asks for too much is denied; nothing is narrowed in silence.
package corridor.token

import data.corridor.ceilings
import data.corridor.grants
import data.corridor.hours

decision := {
	"allow": true,
	"reasons": [{"code": "granted"}],
	"obligations": object.union(asked, {"max_ttl": grants.max_ttl, "isolation": "run"}),
} if {
	granted
} else := {"allow": false, "reasons": sort(reasons)}

granted if {
	something_asked
	every scope in object.get(asked, "scopes", []) {
		scope in grants.scopes
		ceilings.permits(scope)
	}
	every detail in object.get(asked, "authorization_details", []) {
		grants.gives(detail)
		ceilings.permit_details
	}
	hours.open
}

# What is asked for: scopes, authorization details (RFC 9396) or both. `every` holds for an empty list, and for what is no list
# at all, hence only lists with something in them count.
asked[kind] := input.request[kind] if {
	some kind in {"scopes", "authorization_details"}
	is_array(input.request[kind])
	count(input.request[kind]) > 0
}

something_asked if {
	is_array(input.request.scopes)
	count(asked) > 0
}

# Why not. Each reason is `not` its condition, so that it is given when the condition cannot be told.

reasons contains {"code": "no_grant"} if not count(grants.for_resource) > 0

reasons contains {"code": "purpose_not_allowed"} if {
	count(grants.for_resource) > 0
	not count(grants.for_purpose) > 0
}

reasons contains {"code": "no_scope_asked"} if not something_asked

reasons contains {"code": "scope_not_granted", "scope": scope} if {
	count(grants.for_purpose) > 0
	some scope in input.request.scopes
	not scope in grants.scopes
}

reasons contains {"code": "scope_above_ceiling", "scope": scope} if {
	some scope in input.request.scopes
	scope in grants.scopes
	not ceilings.permits(scope)
}

reasons contains {"code": "details_not_granted", "type": detail.type} if {
	count(grants.for_purpose) > 0
	some detail in asked.authorization_details
	not grants.gives(detail)
}

reasons contains {"code": "details_above_ceiling", "type": detail.type} if {
	some detail in asked.authorization_details
	grants.gives(detail)
	not ceilings.permit_details
}

reasons contains {"code": "outside_hours"} if not hours.open
