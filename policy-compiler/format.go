package policycompiler

import (
	"errors"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

// format rewrites every file, or none when one cannot be read.
func (r *Request) format() Response {
	formatted := make(map[string]string, len(r.Files))
	var found []Diagnostic
	for _, name := range slices.Sorted(maps.Keys(r.Files)) {
		text, err := format.SourceWithOpts(name, []byte(r.Files[name]), format.Opts{RegoVersion: ast.RegoV1})
		var many ast.Errors
		if errors.As(err, &many) {
			err = atEnd(many, r.Files[name])
		}
		if err != nil {
			found = append(found, diagnostics(err)...)
			continue
		}
		formatted[name] = string(text)
	}
	if len(found) > 0 {
		return Response{Diagnostics: found}
	}
	return accept(map[string]any{"files": formatted})
}
