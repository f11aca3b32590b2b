package adminapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"signet/admin"
	"signet/admin/repeat"
	"signet/server/web"
	"signet/server/web/problem"
	"signet/storage"
)

// repeatKey is the header by which a caller can send a request again without its being carried out twice.
const repeatKey = "Idempotency-Key"

// repeats describes it.
var repeats = &huma.Param{
	Name: repeatKey, In: "header", Schema: &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(255)},
	Description: "The same request with the same key is answered as the first one was, for a day, and not carried out again.",
}

// shown are the headers of an answer that are kept with it.
var shown = []string{"Content-Type", "Etag", "Location", "Cache-Control"}

// once carries a request out, unless it is a POST with a key that was answered before: then that is the answer. The problem is returned.
func (h *Handler) once(x *exchange, who admin.Actor, handle func()) error {
	keys := x.r.Header.Values(repeatKey)
	if x.r.Method != http.MethodPost || len(keys) == 0 || len(who.Holds) == 0 { // who may do nothing writes nothing
		handle()
		return x.problem
	}
	if len(keys) > 1 {
		return web.NewProblem(problem.InvalidRequest, "There are several keys.")
	}
	sent := fmt.Appendf(nil, "%s\n%s\n%q\n", x.r.URL.EscapedPath(), x.r.URL.RawQuery, x.r.Header.Values("If-Match"))
	before, claim, err := h.o.Repeats.Begin(x.ctx, repeat.Request{
		Caller: string(who.Kind) + " " + who.ID, Key: keys[0], Sent: append(sent, x.sent...),
	})
	if err != nil {
		return repeated(err)
	}
	held := make([]string, 0, len(who.Holds))
	for _, p := range slices.Sorted(maps.Keys(who.Holds)) {
		held = append(held, string(p))
	}
	if before != nil {
		return x.again(who, before)
	}
	handle()
	if x.problem != nil || x.status >= http.StatusBadRequest {
		end := claim.Lose
		if x.refused() {
			end = claim.Drop
		}
		if err := end(x.ctx); err != nil {
			return errors.Join(x.problem, err)
		}
		return x.problem
	}
	a := repeat.Answer{Status: x.status, Header: map[string][]string{}, Body: x.body.Bytes(), Held: held}
	for _, name := range shown {
		if values := x.w.Header()[name]; len(values) > 0 {
			a.Header[name] = values
		}
	}
	if err := claim.Keep(x.ctx, a); err != nil { // it was carried out, and the caller has the answer
		h.o.Log.WarnContext(x.ctx, "an answer of the API of administrators is not kept for a repetition", "error", err)
	}
	return nil
}

// refused reports whether a request that went wrong was not carried out, for certain. An error of ours need not be one of what was asked:
// a database that is gone may have kept what it did not acknowledge.
func (x *exchange) refused() bool {
	if p, ok := errors.AsType[*web.Problem](x.problem); ok {
		return p.Status < http.StatusInternalServerError
	}
	if x.problem == nil {
		return x.status < http.StatusInternalServerError
	}
	return errors.Is(x.problem, context.Canceled) && !errors.Is(x.problem, storage.ErrUnavailable) // before anything was acknowledged
}

// again answers as before, if the caller may do now what they might then.
func (x *exchange) again(who admin.Actor, a *repeat.Answer) error {
	held := admin.Set{}
	for _, p := range a.Held {
		held[admin.Permission(p)] = true
	}
	if missing := who.Holds.Missing(held); len(missing) > 0 {
		return toProblem(&admin.Refused{Missing: missing, Over: true})
	}
	maps.Copy(x.w.Header(), a.Header)
	x.w.Header().Set("Idempotent-Replayed", "true")
	x.status = a.Status
	x.body.Write(a.Body)
	return nil
}

// repeated is what is told of a key that cannot be used.
func repeated(err error) error {
	switch {
	case errors.Is(err, repeat.ErrKey):
		return web.NewProblem(problem.InvalidRequest, repeatKey+": "+err.Error()+".")
	case errors.Is(err, repeat.ErrOther):
		return web.NewProblem(problem.KeyOfAnotherRequest, "Take a new key for a new request.")
	case errors.Is(err, repeat.ErrRunning):
		return web.NewProblem(problem.RequestRunning, "Send it again in a moment.").
			With("Retry-After", "1")
	case errors.Is(err, repeat.ErrUnknown):
		return web.NewProblem(problem.OutcomeUnknown, "Look whether it was carried out. To send it anew, take a new key.").Because(err)
	}
	return err
}
