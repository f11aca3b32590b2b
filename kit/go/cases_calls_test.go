package kit

import "maps"

func (m *maker) agents() []vector {
	limited := func(limit any, more body) string {
		claims := body{"act": body{"sub": "planner"}, "call_limit": limit, "grant_id": "G1"}
		maps.Copy(claims, more)
		return m.token(claims)
	}
	two := body{"calls": 2, "seconds": 60}
	token := limited(two, nil)
	acts := func(v vector, actors ...string) vector { v.Want.Actors = actors; return v }
	after := func(v vector, wait int64, before ...vectorReq) vector {
		v.Before, v.Wait = before, wait
		return v
	}
	of := func(v vector, subject, client string) vector {
		v.Want.Subject, v.Want.ClientID = subject, client
		return v
	}
	elsewhere := limited(two, body{"sub": "P2", "grant_id": "G2"})
	another := limited(two, body{"act": body{"sub": "other"}, "client_id": "other"})
	one := bearer(token)
	return []vector{
		acts(takes("the first call", token), "planner"),
		acts(after(takes("the second call", token), 0, one), "planner"),
		after(drops(ErrCalls, "the third call", token), 0, one, one),
		after(drops(ErrCalls, "by another token of the grant", limited(two, body{"jti": "another"})), 0, one, one),
		after(drops(ErrCalls, "what was handed over", limited(two, body{"act": body{"sub": "helper", "act": body{"sub": "planner"}}})), 0,
			one, one),
		after(drops(ErrCalls, "almost a minute later", token), 59, one, one),
		acts(after(takes("a minute later", token), 60, one, one), "planner"),
		after(drops(ErrCalls, "by a token of another grant", limited(two, body{"grant_id": "G2"})), 0, one, one),
		of(acts(after(takes("for another person", elsewhere), 0, one, one), "planner"), "P2", "app"),
		of(acts(after(takes("by another agent", another), 0, one, one), "other"), "ada", "other"),
		acts(after(takes("an agent without a limit", m.token(body{"act": body{"sub": "planner"}})), 0, one, one), "planner"),
		drops(ErrMalformed, "a limit of no call", limited(body{"calls": 0, "seconds": 60}, nil)),
		drops(ErrMalformed, "a limit of less", limited(body{"calls": -1, "seconds": 60}, nil)),
		drops(ErrMalformed, "calls in a part", limited(body{"calls": 1.5, "seconds": 60}, nil)),
		drops(ErrMalformed, "no time", limited(body{"calls": 1}, nil)),
		drops(ErrMalformed, "a time of nothing", limited(body{"calls": 1, "seconds": 0}, nil)),
		drops(ErrMalformed, "texts", limited(body{"calls": "1", "seconds": "60"}, nil)),
		drops(ErrMalformed, "a member that is not known", limited(body{"calls": 1, "seconds": 60, "tokens": 5}, nil)),
		drops(ErrMalformed, "a number alone", limited(5, nil)),
		drops(ErrMalformed, "a list", limited([]int{2, 60}, nil)),
	}
}
