package policycompiler

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/print"
)

func (r *Request) evaluate() Response {
	compiler, err := r.compiled(forInterpreter)
	if err != nil {
		return refuse(err)
	}
	ref, err := rulesAt(compiler, r.Entrypoint)
	if err != nil {
		return refuse(err)
	}
	var input any
	if len(r.Input) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(r.Input))
		decoder.UseNumber()
		if err := decoder.Decode(&input); err != nil {
			return refuse(err)
		}
	}
	printed := &printer{}
	query, err := rego.New(
		rego.Compiler(compiler),
		rego.ParsedQuery(ast.NewBody(ast.NewExpr(ast.NewTerm(ref)))),
		rego.Store(r.store()),
		rego.Runtime(ast.ObjectTerm()),
		rego.PrintHook(printed),
	).PrepareForEval(context.Background())
	if err != nil {
		return refuse(err)
	}
	options := []rego.EvalOption{
		rego.EvalInput(input),
		rego.EvalExternalCancel(&deadline{at: time.Now().Add(time.Duration(r.Milliseconds) * time.Millisecond)}),
	}
	events := topdown.NewBufferTracer()
	if r.Explain {
		options = append(options, rego.EvalQueryTracer(events))
	}
	results, err := query.Eval(context.Background(), options...)
	if topdown.IsCancel(err) {
		return refuse(r.tooLong())
	}
	if err != nil {
		return refuse(err)
	}
	answer := map[string]any{"defined": len(results) > 0, "printed": shortened(printed.text.String(), mostOutput)}
	if len(results) > 0 {
		answer["value"] = results[0].Expressions[0].Value
	}
	if r.Explain {
		var trace bytes.Buffer
		topdown.PrettyTraceWithLocation(&trace, *events)
		answer["trace"] = trace.String()
	}
	return accept(answer)
}

func (r *Request) tooLong() error {
	return finding{topdown.CancelErr, fmt.Sprintf("took longer than %d ms", r.Milliseconds)}
}

// deadline ends an evaluation when OPA asks whether it may go on, since no timer fires meanwhile.
type deadline struct {
	at    time.Time
	asked uint
	over  bool
}

func (d *deadline) Cancel() { d.over = true }

func (d *deadline) Cancelled() bool {
	if d.asked++; d.asked%1024 == 0 && time.Now().After(d.at) {
		d.over = true
	}
	return d.over
}

type printer struct{ text strings.Builder }

func (p *printer) Print(_ print.Context, line string) error {
	if p.text.Len() < mostOutput {
		p.text.WriteString(line + "\n")
	}
	return nil
}
