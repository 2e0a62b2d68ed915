// Package policycompiler answers requests about Rego with OPA's own packages: JSON in, JSON and bytes out.
// It needs no file, network, environment or argument, and the clock only for deadlines.
package policycompiler

import "encoding/json"

// Request is one job. Members that an operation does not name are ignored by it.
type Request struct {
	Op string `json:"op"`

	// The policy: texts by path, the base document, JSON Schemas by name ("input" is the schema of every input).
	Files   map[string]string          `json:"files"`
	Data    map[string]any             `json:"data"`
	Schemas map[string]json.RawMessage `json:"schemas"`

	// compile: what the module answers, and the paths below input whose reach is to be told.
	Entrypoints []string   `json:"entrypoints"`
	Watched     [][]string `json:"watched"`

	// evaluate
	Entrypoint string          `json:"entrypoint"`
	Input      json.RawMessage `json:"input"`
	Explain    bool            `json:"explain"`

	// test, evaluate: how long one test or one evaluation may take.
	Milliseconds int64 `json:"milliseconds"`
}

// Response is the answer. Bytes travel beside the JSON, never inside it.
type Response struct {
	OK          bool         `json:"ok"`
	Diagnostics []Diagnostic `json:"diagnostics,omitempty"`
	Result      any          `json:"result,omitempty"`
	Module      []byte       `json:"-"`
}
