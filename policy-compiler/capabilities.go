package policycompiler

import (
	"bytes"
	_ "embed"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

// What a policy may use: OPA's built-ins that a compiled module implements itself, and no network. Made by cmd/capabilities.
//
//go:embed capabilities.json
var capabilitiesFile []byte

var capabilities = sync.OnceValue(func() *ast.Capabilities {
	c, err := ast.LoadCapabilitiesJSON(bytes.NewReader(capabilitiesFile))
	if err != nil {
		panic(err)
	}
	return c
})

// The interpreter knows two more: what OPA makes of print, and what its test runner puts into tests that have cases.
// Neither may reach a module, where the host would have to provide them.
var interpreterCapabilities = sync.OnceValue(func() *ast.Capabilities {
	c := *capabilities()
	c.Builtins = append(slices.Clone(c.Builtins), ast.InternalPrint, ast.InternalTestCase)
	return &c
})
