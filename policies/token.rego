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
	"obligations": {"scopes": input.request.scopes, "max_ttl": grants.max_ttl, "isolation": "run"},
} if {
	granted
} else := {"allow": false, "reasons": sort(reasons)}

granted if {
	scopes_asked
	every scope in input.request.scopes {
		scope in grants.scopes
		ceilings.permits(scope)
	}
	hours.open
}

# `every` holds for an empty list, and for what is no list at all.
scopes_asked if {
	is_array(input.request.scopes)
	count(input.request.scopes) > 0
}

# Why not. Each reason is `not` its condition, so that it is given when the condition cannot be told.

reasons contains {"code": "no_grant"} if not count(grants.for_resource) > 0

reasons contains {"code": "purpose_not_allowed"} if {
	count(grants.for_resource) > 0
	not count(grants.for_purpose) > 0
}

reasons contains {"code": "no_scope_asked"} if not scopes_asked

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

reasons contains {"code": "outside_hours"} if not hours.open
