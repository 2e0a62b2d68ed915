package policycompiler

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/tester"
)

// testRule is one test: data.corridor.token_test.test_denies_without_grant.
type testRule struct {
	Package    string `json:"package"`
	Name       string `json:"name"`
	File       string `json:"file"`
	Row        int    `json:"row"`
	Entrypoint string `json:"entrypoint"`
}

// testRules lists the tests by file and row, and gives each a name of its own, as OPA's runner does ("test_a#01"):
// but always in the same order, so that interpreter and module mean the same rule by it.
func testRules(modules map[string]*ast.Module) ([]testRule, error) {
	var tests []testRule
	times := map[string]int{}
	for _, file := range slices.Sorted(maps.Keys(modules)) {
		module := modules[file]
		for _, rule := range module.Rules {
			ref := rule.Head.Ref()
			position, name := testName(ref)
			if position < 0 || strings.HasPrefix(name, tester.SkipTestPrefix) {
				continue
			}
			full := module.Package.Path.Extend(ref[:position+1])
			if n := times[full.String()]; n > 0 {
				rule.Head.SetRef(renamed(ref, position, fmt.Sprintf("%s#%02d", name, n)))
			}
			times[full.String()]++

			own := rule.Head.Ref()[:position+1]
			path, err := storage.NewPathForRef(module.Package.Path.Extend(own))
			if err != nil {
				return nil, err
			}
			entrypoint := strings.Join(path, "/")
			if strings.Count(entrypoint, "/") != len(path)-1 {
				return nil, ast.NewError(ast.CompileErr, rule.Location, "a test cannot have a slash in its name: %v", own)
			}
			tests = append(tests, testRule{
				Package: module.Package.Path.String(), Name: own.String(), File: file, Row: rule.Location.Row, Entrypoint: entrypoint,
			})
		}
	}
	return tests, nil
}

// testName is the part of a rule's name that makes it a test, and where it stands. A test with cases has keys after it.
func testName(ref ast.Ref) (int, string) {
	for i, term := range ref.GroundPrefix() {
		name := ""
		switch value := term.Value.(type) {
		case ast.Var:
			name = string(value)
		case ast.String:
			name = string(value)
		}
		if strings.HasPrefix(name, tester.TestPrefix) || strings.HasPrefix(name, tester.SkipTestPrefix) {
			return i, name
		}
	}
	return -1, ""
}

func renamed(ref ast.Ref, position int, name string) ast.Ref {
	ref = ref.Copy()
	if position == 0 {
		ref[0] = ast.VarTerm(name)
	} else {
		ref[position] = ast.StringTerm(name)
	}
	return ref
}

func (r *Request) compileTests() Response {
	if _, err := r.compiled(forInterpreter); err != nil {
		return refuse(err)
	}
	modules, err := r.parse()
	if err != nil {
		return refuse(err)
	}
	tests, err := testRules(modules)
	if err != nil {
		return refuse(err)
	}
	if len(tests) == 0 {
		return accept(map[string]any{"tests": []testRule{}})
	}
	entrypoints := make([]string, len(tests))
	for i, test := range tests {
		entrypoints[i] = test.Entrypoint
	}
	wasm, err := r.build(modules, entrypoints)
	if err != nil {
		return refuse(err)
	}
	return Response{OK: true, Result: map[string]any{"tests": tests}, Module: wasm}
}
