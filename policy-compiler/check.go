package policycompiler

func (r *Request) check() Response {
	if _, err := r.compiled(forInterpreter); err != nil {
		return refuse(err)
	}
	return accept(nil)
}
