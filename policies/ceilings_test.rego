package corridor.ceilings_test

import data.corridor.ceilings

labelled(labels) := {"workflow": {"labels": labels}}

test_permits_anything_without_the_label if ceilings.permits("r:write") with input as labelled({"environment": "production"})

test_permits_what_the_ceiling_lists if {
	ceilings.permits("r:read") with input as labelled({"ceiling": "read"}) with data.ceilings as {"read": ["r:read"]}
}

test_does_not_permit_more if {
	not ceilings.permits("r:write") with input as labelled({"ceiling": "read"}) with data.ceilings as {"read": ["r:read"]}
}

test_an_unknown_ceiling_permits_nothing if {
	not ceilings.permits("r:read") with input as labelled({"ceiling": "raed"}) with data.ceilings as {"read": ["r:read"]}
}
