/** The end of a rule's body in Rego that keeps its evaluation busy for minutes and needs no memory. */
export const busyForMinutes = `n := numbers.range(1, 100)
	some a in n
	some b in n
	some c in n
	some d in n
	some e in n
	a > b
	b > c
	c > d
	d > e
	e > a`;
