//go:build wasip1

// A WASI reactor: the host allocates, writes the request, calls, and reads the answer and the module out of our memory.
package main

import (
	"unsafe"

	policycompiler "corridor/policy-compiler"
)

// They are referred to from here while the host uses them, so that they are not collected.
var request, answer, module []byte

//go:wasmexport allocate
func allocate(length uint32) unsafe.Pointer {
	request = make([]byte, max(length, 1))
	return unsafe.Pointer(unsafe.SliceData(request))
}

// handle answers the request of that length and returns the length of the answer.
//
//go:wasmexport handle
func handle(length uint32) uint32 {
	answer, module = policycompiler.Handle(request[:length])
	request = nil
	return uint32(len(answer))
}

//go:wasmexport answer_at
func answerAt() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(answer)) }

//go:wasmexport module_at
func moduleAt() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(module)) }

//go:wasmexport module_length
func moduleLength() uint32 { return uint32(len(module)) }

//go:wasmexport release
func release() { answer, module = nil, nil }

func main() {} // never called in a reactor
