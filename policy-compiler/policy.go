package policycompiler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// More errors than a person would read at once, and fewer than would fill the memory.
const mostErrors = 100

// parse reads every file as Rego v1, and reports the errors of all of them.
func (r *Request) parse() (map[string]*ast.Module, error) {
	modules := make(map[string]*ast.Module, len(r.Files))
	var found ast.Errors
	for _, name := range slices.Sorted(maps.Keys(r.Files)) {
		module, err := ast.ParseModuleWithOpts(name, r.Files[name], ast.ParserOptions{
			RegoVersion: ast.RegoV1, Capabilities: interpreterCapabilities(), ProcessAnnotation: true,
		})
		var many ast.Errors
		var one *ast.Error
		switch {
		case errors.As(err, &many):
			found = append(found, atEnd(many, r.Files[name])...)
		case errors.As(err, &one):
			found = append(found, one)
		case err != nil:
			return nil, err
		default:
			modules[name] = module
		}
	}
	if len(found) > 0 {
		return nil, found
	}
	return modules, nil
}

// atEnd gives errors at the end of a file the column that OPA leaves out.
func atEnd(errors ast.Errors, text string) ast.Errors {
	lines := strings.Split(text, "\n")
	for _, e := range errors {
		if at := e.Location; at != nil && at.Col == 0 && at.Row > 0 && at.Row <= len(lines) {
			at.Col = len(lines[at.Row-1]) + 1
		}
	}
	return errors
}

// use is what a policy is compiled for: print and test cases exist in the interpreter alone.
type use int

const (
	forModule use = iota
	forInterpreter
)

// newCompiler is strict, types input by its schema, and refuses rules where the data has a value.
func (r *Request) newCompiler(purpose use) (*ast.Compiler, error) {
	known := capabilities()
	if purpose == forInterpreter {
		known = interpreterCapabilities()
	}
	schemas, err := r.schemaSet()
	if err != nil {
		return nil, err
	}
	conflicts, err := r.dataConflicts()
	if err != nil {
		return nil, err
	}
	return ast.NewCompiler().
		WithCapabilities(known).
		WithStrict(true).
		WithDefaultRegoVersion(ast.RegoV1).
		WithUseTypeCheckAnnotations(true).
		WithEnablePrintStatements(purpose == forInterpreter).
		WithSchemas(schemas).
		WithPathConflictsCheck(conflicts).
		SetErrorLimit(mostErrors), nil
}

// compiled is the checked policy.
func (r *Request) compiled(purpose use) (*ast.Compiler, error) {
	modules, err := r.parse()
	if err != nil {
		return nil, err
	}
	compiler, err := r.newCompiler(purpose)
	if err != nil {
		return nil, err
	}
	if compiler.Compile(modules); compiler.Failed() {
		return nil, compiler.Errors
	}
	return compiler, nil
}

// schemaSet puts each schema at schema.<name>, for annotations, and "input" at the root, where it types every input.
func (r *Request) schemaSet() (*ast.SchemaSet, error) {
	if len(r.Schemas) == 0 {
		return nil, nil
	}
	set := ast.NewSchemaSet()
	for name, text := range r.Schemas {
		var schema any
		if err := json.Unmarshal(text, &schema); err != nil {
			return nil, fmt.Errorf("schema %q: %w", name, err)
		}
		set.Put(ast.SchemaRootRef.Append(ast.StringTerm(name)), schema)
		if name == "input" {
			set.Put(ast.SchemaRootRef, schema)
		}
	}
	return set, nil
}

func (r *Request) store() storage.Store {
	if r.Data == nil {
		return inmem.New()
	}
	return inmem.NewFromObject(r.Data)
}

func (r *Request) dataConflicts() (func([]string) (bool, error), error) {
	ctx, store := context.Background(), r.store()
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	return storage.NonEmpty(ctx, store, txn), nil
}
