package policycompiler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/open-policy-agent/opa/v1/version"
)

// Handle answers one request. A panic of OPA is left to end the process: what it leaves behind is not to be trusted.
func Handle(request []byte) (answer, module []byte) {
	response := respond(request)
	answer, err := json.Marshal(response)
	if err != nil {
		answer, _ = json.Marshal(refuse(err))
		return answer, nil
	}
	return answer, response.Module
}

func respond(request []byte) Response {
	var r Request
	decoder := json.NewDecoder(bytes.NewReader(request))
	decoder.UseNumber() // data keeps the digits that it was written with
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return refuse(err)
	}
	switch r.Op {
	case "version":
		return accept(map[string]string{"opa": version.Version, "go": runtime.Version()})
	case "check":
		return r.check()
	case "format":
		return r.format()
	case "compile":
		return r.compile()
	case "compile_tests":
		return r.compileTests()
	case "test":
		return r.test()
	case "evaluate":
		return r.evaluate()
	}
	return refuse(fmt.Errorf("unknown operation %q", r.Op))
}

func accept(result any) Response { return Response{OK: true, Result: result} }

func refuse(err error) Response { return Response{Diagnostics: diagnostics(err)} }
