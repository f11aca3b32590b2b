package kit

import (
	"context"
	"net/http"
	"slices"
)

// inContext is the key of a request's context under which the verified token is.
type inContext struct{}

// checked is what is known of a request by the handlers further in.
type checked struct {
	api           *API
	authorization []string // it was verified from
	v             verdict
}

// Require gives the middleware that lets requests through whose token meets the demands, and answers the others. Handlers read the token
// with [From]. Where it is in use around another Require of the same API, the token is verified once, and the demands add up.
//
// Requests that browsers make to ask for permission (CORS preflights) have no token: answer them outside.
func (a *API) Require(demands ...Demand) func(http.Handler) http.Handler {
	d := join(demands)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if before, ok := a.before(r); ok {
				if a.demand(w, r, before.v, d) {
					next.ServeHTTP(w, r)
				}
				return
			}
			v, err := a.judge(r, d)
			if err != nil {
				a.refuse(w, r, v, err, d)
				return
			}
			a.tell(r, v, "", nil)
			if v.nonce != "" {
				w.Header().Set("DPoP-Nonce", v.nonce)
				expose(w.Header())
			}
			ctx := context.WithValue(r.Context(), inContext{}, &checked{a, r.Header["Authorization"], v})
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

// before is what another Require of this API found out about the same request.
func (a *API) before(r *http.Request) (*checked, bool) {
	c, ok := r.Context().Value(inContext{}).(*checked)
	return c, ok && c.api == a && slices.Equal(c.authorization, r.Header["Authorization"])
}

// Demand asks for more inside a handler, where it depends on the request what is needed: if the token does not meet it, Demand answers the
// request and returns false. The handler must be inside a [API.Require] of this API.
func (a *API) Demand(w http.ResponseWriter, r *http.Request, demands ...Demand) bool {
	d := join(demands)
	before, ok := a.before(r)
	if !ok {
		a.refuse(w, r, verdict{}, ErrNoToken, d)
		return false
	}
	return a.demand(w, r, before.v, d)
}

func (a *API) demand(w http.ResponseWriter, r *http.Request, v verdict, d Demand) bool {
	if err := a.demanded(v.token, d); err != nil {
		a.refuse(w, r, v, err, d)
		return false
	}
	return true
}

// From gives the verified token of a request that came through [API.Require].
func From(ctx context.Context) (*Token, bool) {
	c, ok := ctx.Value(inContext{}).(*checked)
	if !ok {
		return nil, false
	}
	return c.v.token, true
}
