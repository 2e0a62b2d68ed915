// Prints capabilities.json: OPA's capabilities of the linked version, less every built-in that a compiled module would ask its
// host for, every deprecated one (the strict compiler refuses them), and what is beyond Rego v1. The one argument is OPA's own
// table of its built-ins, builtin_metadata.json of the same version.
package main

import (
	"encoding/json"
	"log"
	"os"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

func main() {
	log.SetFlags(0)
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var table map[string]json.RawMessage
	if err := json.Unmarshal(text, &table); err != nil {
		log.Fatal(err)
	}
	all := ast.CapabilitiesForThisVersion()
	// Not encoded as OPA's own type, which leaves out an empty allow_net: and without one every host is allowed.
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err = encoder.Encode(map[string]any{
		"allow_net":       []string{},
		"builtins":        slices.DeleteFunc(all.Builtins, func(b *ast.Builtin) bool { return b.IsDeprecated() || !native(table, b.Name) }),
		"features":        slices.DeleteFunc(all.Features, beyondRegoV1),
		"future_keywords": []string{},
	})
	if err != nil {
		log.Fatal(err)
	}
}

// beyondRegoV1 fails hard for a feature that nobody has decided about.
func beyondRegoV1(feature string) bool {
	switch feature {
	case "rego_v1", "keywords_in_refs", "template_strings":
		return false
	case "rego_v2", "rego_v2_import":
		return true
	}
	log.Fatalf("OPA has a new feature, %s: decide whether policies may use it", feature)
	return true
}

// native fails hard when the table has changed its shape: a built-in that is not in it, or without a plain yes or no.
func native(table map[string]json.RawMessage, name string) bool {
	var entry struct {
		Wasm *bool `json:"wasm"`
	}
	if err := json.Unmarshal(table[name], &entry); err != nil || entry.Wasm == nil {
		log.Fatalf("OPA's table does not say whether a module implements %s", name)
	}
	return *entry.Wasm
}
