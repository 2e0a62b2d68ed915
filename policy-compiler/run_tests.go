package policycompiler

import (
	"cmp"
	"context"
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
)

const mostOutput = 64 << 10

// verdict says how a test ended, and what its rule is worth when it passes: true, or for a test with cases an object of trues.
type verdict struct {
	Package string `json:"package"`
	Name    string `json:"name"`
	File    string `json:"file"`
	Row     int    `json:"row"`
	Verdict string `json:"verdict"`
	Expects any    `json:"expects"`
	Output  string `json:"output,omitempty"`
	Error   string `json:"error,omitempty"`
}

func (r *Request) test() Response {
	if _, err := r.compiled(forInterpreter); err != nil { // before names are changed
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
	compiler, err := r.newCompiler(forInterpreter)
	if err != nil {
		return refuse(err)
	}
	coverage := cover.New()
	results, err := r.run(compiler, modules, coverage)
	if err != nil {
		return refuse(err)
	}
	verdicts := make([]verdict, 0, len(results))
	for _, result := range results {
		verdicts = append(verdicts, r.verdictOf(result))
	}
	slices.SortFunc(verdicts, func(a, b verdict) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row), cmp.Compare(a.Name, b.Name))
	})
	return accept(map[string]any{"tests": verdicts, "coverage": coverageOf(coverage, modules, tests)})
}

func (r *Request) run(compiler *ast.Compiler, modules map[string]*ast.Module, coverage *cover.Cover) ([]*tester.Result, error) {
	ctx, store := context.Background(), r.store()
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	defer store.Abort(ctx, txn)
	running, err := tester.NewRunner().
		SetCompiler(compiler).
		SetModules(modules).
		SetStore(store).
		SetRuntime(ast.ObjectTerm()).
		SetDefaultRegoVersion(ast.RegoV1).
		SetTimeout(time.Duration(r.Milliseconds)*time.Millisecond).
		SetParallel(1).
		CapturePrintOutput(true).
		SetCoverageQueryTracer(&yielding{Cover: coverage}).
		RunTests(ctx, txn)
	if err != nil {
		return nil, err
	}
	var results []*tester.Result
	for result := range running {
		results = append(results, result)
	}
	return results, nil
}

func (r *Request) verdictOf(result *tester.Result) verdict {
	v := verdict{
		Package: result.Package, Name: result.Name, File: result.Location.File, Row: result.Location.Row,
		Expects: expected(result.SubResults), Output: shortened(string(result.Output), mostOutput),
	}
	switch {
	case result.Skip:
		v.Verdict = "skip"
	case topdown.IsCancel(result.Error):
		v.Verdict, v.Error = "error", r.tooLong().Error()
	case result.Error != nil:
		v.Verdict, v.Error = "error", result.Error.Error()
	case result.Fail:
		v.Verdict = "fail"
	default:
		v.Verdict = "pass"
	}
	return v
}

func expected(cases tester.SubResultMap) any {
	if len(cases) == 0 {
		return true
	}
	each := make(map[string]any, len(cases))
	for name, result := range cases {
		each[name] = expected(result.SubResults)
	}
	return each
}

// yielding lets other goroutines run now and then. In WebAssembly Go has one thread and cannot interrupt a goroutine: without
// this the runner's time limit for a test would never be noticed.
type yielding struct {
	*cover.Cover
	events uint
}

func (y *yielding) TraceEvent(event topdown.Event) {
	if y.events++; y.events%1024 == 0 {
		runtime.Gosched()
	}
	y.Cover.TraceEvent(event)
}

type rows struct {
	From int `json:"from"`
	To   int `json:"to"`
}

type fileCoverage struct {
	Percent   float64 `json:"percent"`
	Uncovered []rows  `json:"uncovered"`
}

// coverageOf leaves out the files that hold tests: that a test ran says nothing about the policy.
func coverageOf(coverage *cover.Cover, modules map[string]*ast.Module, tests []testRule) any {
	policy := maps.Clone(modules)
	for _, test := range tests {
		delete(policy, test.File)
	}
	report := coverage.Report(policy)
	files := map[string]fileCoverage{}
	covered, all := 0, 0
	for name := range policy {
		file := report.Files[name]
		covered, all = covered+file.CoveredLines, all+file.CoveredLines+file.NotCoveredLines
		files[name] = fileCoverage{percent(file.CoveredLines, file.CoveredLines+file.NotCoveredLines), merged(file.NotCovered)}
	}
	return map[string]any{"percent": percent(covered, all), "files": files}
}

// merged makes rows of OPA's ranges, which are ordered and may share rows.
func merged(ranges []cover.Range) []rows {
	list := []rows{}
	for _, r := range ranges {
		if last := len(list) - 1; last >= 0 && r.Start.Row <= list[last].To+1 {
			list[last].To = max(list[last].To, r.End.Row)
		} else {
			list = append(list, rows{r.Start.Row, r.End.Row})
		}
	}
	return list
}

func percent(part, whole int) float64 {
	if whole == 0 {
		return 100
	}
	return float64(part*10000/whole) / 100
}
