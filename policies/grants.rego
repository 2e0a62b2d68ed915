# What data.grants gives: by workflow, purpose and resource, each compared whole. Several grants add up.
package corridor.grants

for_resource contains grant if {
	some grant in data.grants
	grant.workflow == input.workflow.id
	grant.resource == input.resource.uri
}

for_purpose contains grant if {
	some grant in for_resource
	grant.purpose == input.run.purpose
}

scopes contains scope if {
	some grant in for_purpose
	some scope in grant.scopes
}

# Seconds: the shortest life among the grants that give something of what is asked.
max_ttl := min({life(grant) |
	some grant in for_purpose
	some scope in grant.scopes
	scope in input.request.scopes
})

life(grant) := object.get(grant, "max_ttl", 300)
