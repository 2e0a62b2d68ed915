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

# Whether a grant names an authorization detail (RFC 9396).
gives(detail) if {
	some grant in for_purpose
	names(grant, detail)
}

names(grant, detail) if {
	some given in grant.authorization_details
	within(detail, given)
}

# The same members with the same values; of the lists that RFC 9396 defines some values may be left out, not all.
within(detail, given) if {
	object.keys(detail) == object.keys(given)
	every name, value in detail {
		narrows(name, value, given[name])
	}
}

narrows(_, value, given) if value == given

narrows(name, value, given) if {
	name in {"locations", "actions", "datatypes", "privileges"}
	is_array(value)
	count(value) > 0
	every one in value {
		one in given
	}
}

# Seconds: the shortest life among the grants that give something of what is asked.
max_ttl := min({life(grant) |
	some grant in for_purpose
	serves(grant)
})

serves(grant) if {
	some scope in grant.scopes
	scope in input.request.scopes
}

serves(grant) if {
	some detail in input.request.authorization_details
	names(grant, detail)
}

life(grant) := object.get(grant, "max_ttl", 300)
