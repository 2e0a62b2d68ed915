package policycompiler

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// reachesInput tells whether the answer at ref can depend on one of the watched paths below input. It walks every rule
// that the answer can rest on, and in doubt says yes: for input as a whole, and for a reference whose key is not constant.
func reachesInput(compiler *ast.Compiler, ref ast.Ref, watched [][]string) bool {
	seen := map[*ast.Rule]bool{}
	waiting := compiler.GetRulesDynamic(ref)
	for len(waiting) > 0 {
		rule := waiting[0]
		waiting = waiting[1:]
		if seen[rule] {
			continue
		}
		seen[rule] = true
		reached := false
		visitor := ast.NewGenericVisitor(nil)
		visitor = ast.NewGenericVisitor(func(node any) bool {
			switch node := node.(type) {
			case *ast.With:
				visitor.Walk(node.Value) // the target is replaced, not read
				return true
			case ast.Var:
				reached = reached || node.Equal(ast.InputRootDocument.Value)
			case ast.Ref:
				switch {
				case node.HasPrefix(ast.InputRootRef):
					reached = reached || touches(node[1:], watched)
				case node.HasPrefix(ast.DefaultRootRef):
					waiting = append(waiting, compiler.GetRulesDynamic(node)...)
				default:
					return false
				}
				for _, key := range node[1:] {
					visitor.Walk(key)
				}
				return true
			}
			return false
		})
		visitor.Walk(rule)
		if reached {
			return true
		}
	}
	return false
}

// touches tells whether the keys lead to, through, or below a watched path. A key that is no constant may be any.
func touches(keys []*ast.Term, watched [][]string) bool {
	return slices.ContainsFunc(watched, func(path []string) bool {
		for i := range min(len(keys), len(path)) {
			key := keys[i].Value
			if ast.IsConstant(key) && key.Compare(ast.String(path[i])) != 0 {
				return false
			}
		}
		return true
	})
}
