# A bound that no grant can lift: a workflow with the label `ceiling: <name>` gets the scopes of data.ceilings.<name> at most.
# A name without an entry there permits nothing. A ceiling is made of scopes: below one there are no authorization details.
package corridor.ceilings

permits(_) if not input.workflow.labels.ceiling

permits(scope) if scope in data.ceilings[input.workflow.labels.ceiling]

permit_details if not input.workflow.labels.ceiling
