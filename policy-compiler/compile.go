package policycompiler

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/compile"
	"github.com/open-policy-agent/opa/v1/storage"
)

func (r *Request) compile() Response {
	compiler, err := r.compiled(forModule) // OPA's builder is not strict and knows no schemas
	if err != nil {
		return refuse(err)
	}
	if len(r.Entrypoints) == 0 {
		return refuse(finding{"entrypoint_invalid", "no entrypoint was named"})
	}
	reaches := make(map[string]bool, len(r.Entrypoints))
	for _, entrypoint := range r.Entrypoints {
		ref, err := rulesAt(compiler, entrypoint)
		if err != nil {
			return refuse(err)
		}
		reaches[entrypoint] = reachesInput(compiler, ref, r.Watched)
	}
	modules, err := r.parse() // anew: what was compiled above was changed by it
	if err != nil {
		return refuse(err)
	}
	wasm, err := r.build(modules, r.Entrypoints)
	if err != nil {
		return refuse(err)
	}
	return Response{OK: true, Result: map[string]any{"reaches": reaches}, Module: wasm}
}

// build makes a WebAssembly module that answers the entrypoints and holds nothing that they do not need, nor the data.
func (r *Request) build(modules map[string]*ast.Module, entrypoints []string) ([]byte, error) {
	b := &bundle.Bundle{Data: map[string]any{}}
	b.SetRegoVersion(ast.RegoV1)
	b.Manifest.Init()
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		path := "/" + strings.TrimPrefix(name, "/")
		b.Modules = append(b.Modules, bundle.ModuleFile{URL: name, Path: path, Parsed: modules[name], Raw: []byte(r.Files[name])})
	}
	builder := compile.New().
		WithCapabilities(capabilities()).
		WithTarget(compile.TargetWasm).
		WithRegoVersion(ast.RegoV1).
		WithEntrypoints(entrypoints...).
		WithPruneUnused(true).
		WithBundle(b)
	if err := builder.Build(context.Background()); err != nil {
		return nil, err
	}
	built := builder.Bundle().WasmModules
	if len(built) != 1 {
		return nil, fmt.Errorf("%d modules were built", len(built))
	}
	return built[0].Raw, nil
}

// rulesAt turns corridor/token/decision into data.corridor.token.decision, where there must be a rule.
func rulesAt(compiler *ast.Compiler, entrypoint string) (ast.Ref, error) {
	path, ok := storage.ParsePath("/" + entrypoint)
	if !ok || len(path) == 0 {
		return nil, finding{"entrypoint_invalid", fmt.Sprintf("%q is no entrypoint: use <package>/<rule>", entrypoint)}
	}
	ref := path.Ref(ast.DefaultRootDocument)
	if len(compiler.GetRules(ref)) == 0 {
		return nil, finding{"entrypoint_undefined", fmt.Sprintf("no rule defines %v", ref)}
	}
	return ref, nil
}
