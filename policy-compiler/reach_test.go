package policycompiler

import "testing"

var watched = [][]string{{"run", "counters"}, {"workflow", "counters"}}

func TestReach(t *testing.T) {
	const other = "package other\nread if input.run.counters.tokens == 1\n"
	for rule, reaches := range map[string]bool{
		`p if input.run.counters.tokens == 1`:                                true,
		`p if input.run["counters"]`:                                         true,
		`p if { some key; input.workflow[key] == 1 }`:                        true,
		`p if { some key; input[key][key] == 1 }`:                            true,
		`p if { whole := input; whole.run.id == "x" }`:                       true,
		`p if object.get(input, ["run", "counters"], 0) == 1`:                true,
		"p if f(1)\nf(x) if input.run.counters.tokens == x":                  true,
		"default p := 0\np := 1 if false\nelse := input.run.counters.tokens": true,
		`p if every scope in input.run { scope == 1 }`:                       true,
		`p := $"{input.run.counters.tokens}"`:                                true,
		`p if data.other.read`:                                               true,
		`p if { some name; data[name].read }`:                                true,
		"p if q with data.mock as input.run.counters\nq if data.mock":        true,

		`p if input.run.id == "x"`:                                       false,
		`p if input.workflow.labels[input.request.resource] == "x"`:      false,
		`p if { some key; input[key].id == "x" }`:                        false,
		"p if true\nq if input.run.counters.tokens == 1":                 false,
		"p if q with input as {\"run\": {}}\nq if input.run.id == \"x\"": false,
		`p if { input.run.id == "x"; print(input) }`:                     false,
	} {
		r := Request{Files: map[string]string{"p.rego": "package a\n" + rule + "\n", "other.rego": other}}
		compiler, err := r.compiled(forModule)
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			continue
		}
		ref, err := rulesAt(compiler, "a/p")
		if err != nil {
			t.Fatal(err)
		}
		if got := reachesInput(compiler, ref, watched); got != reaches {
			t.Errorf("%s: reaches %v, want %v", rule, got, reaches)
		}
	}
}
