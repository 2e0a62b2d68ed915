package policycompiler

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Diagnostic is what is wrong, where, and what more OPA has to say. Rows and columns count from 1.
type Diagnostic struct {
	Code    string   `json:"code"`
	Message string   `json:"message"`
	File    string   `json:"file,omitempty"`
	Row     int      `json:"row,omitempty"`
	Column  int      `json:"column,omitempty"`
	Text    string   `json:"text,omitempty"`
	Details []string `json:"details,omitempty"`
}

// A finding is ours and not OPA's, so it has a code of ours.
type finding struct{ code, message string }

func (f finding) Error() string { return f.message }

// diagnostics lists every error that OPA found, in the order of their places.
func diagnostics(err error) []Diagnostic {
	var list []Diagnostic
	var many ast.Errors
	var one *ast.Error
	var evaluation *topdown.Error
	var ours finding
	switch {
	case errors.As(err, &many):
		for _, e := range many {
			list = append(list, diagnosticOf(e))
		}
	case errors.As(err, &one):
		list = append(list, diagnosticOf(one))
	case errors.As(err, &evaluation):
		list = append(list, at(evaluation.Location, evaluation.Code, evaluation.Message))
	case errors.As(err, &ours):
		list = append(list, Diagnostic{Code: ours.code, Message: ours.message})
	default:
		list = append(list, Diagnostic{Code: "policy_error", Message: err.Error()})
	}
	slices.SortStableFunc(list, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
	return list
}

func diagnosticOf(e *ast.Error) Diagnostic {
	d := at(e.Location, e.Code, e.Message)
	if e.Details == nil {
		return d
	}
	if source, ok := e.Details.(*ast.ParserErrorDetail); ok {
		d.Text = firstLine(source.Line)
		return d
	}
	d.Details = slices.DeleteFunc(e.Details.Lines(), func(line string) bool { return strings.TrimSpace(line) == "" })
	return d
}

func at(location *ast.Location, code, message string) Diagnostic {
	d := Diagnostic{Code: code, Message: message}
	if location != nil {
		d.File, d.Row, d.Column = location.File, location.Row, location.Col
		d.Text = firstLine(string(location.Text))
	}
	return d
}

// firstLine is short enough to be shown: a file may be one long line.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return shortened(line, 200)
}

func shortened(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
