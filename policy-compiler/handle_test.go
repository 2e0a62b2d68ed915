package policycompiler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
)

func TestCompileIsReproducible(t *testing.T) {
	files := map[string]string{}
	for i := range 20 {
		files[fmt.Sprintf("p%d.rego", i)] = fmt.Sprintf("package p%d\n\nq if data.p%d.q\n\nr[x] if some x in input.s\n", i, i+1)
	}
	request, err := json.Marshal(Request{Op: "compile", Files: files, Entrypoints: []string{"p3/r", "p0/q"}})
	if err != nil {
		t.Fatal(err)
	}
	answer, module := Handle(request)
	if len(module) == 0 {
		t.Fatalf("no module: %s", answer)
	}
	for range 5 {
		if _, again := Handle(request); !bytes.Equal(module, again) {
			t.Fatal("the same source gave another module")
		}
	}
}

func TestRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, request := range []string{`{`, `{"op":"format","unknown":1}`, `{"op":"fetch"}`} {
		answer, module := Handle([]byte(request))
		var r Response
		if err := json.Unmarshal(answer, &r); err != nil || r.OK || len(r.Diagnostics) != 1 || module != nil {
			t.Errorf("%s: %s", request, answer)
		}
	}
}
