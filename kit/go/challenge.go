package kit

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// Refuse answers a request that [API.Verify] refused: the error is Verify's, the demands are those that were given to it.
func (a *API) Refuse(w http.ResponseWriter, r *http.Request, err error, demands ...Demand) {
	c, _ := credentialsOf(r)
	a.refuse(w, r, verdict{dpop: c.dpop}, err, join(demands))
}

func reasonOf(err error) Reason {
	if reason, ok := errors.AsType[Reason](err); ok {
		return reason
	}
	return ErrUnavailable
}

// refuse writes the answer of a refused request; why, in more than a fixed sentence, is for the log alone.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, v verdict, err error, d Demand) {
	reason := reasonOf(err)
	says, ok := answers[reason]
	if !ok {
		says = answers[ErrUnavailable]
	}
	a.tell(r, v, reason, err)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	switch says.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		h["Www-Authenticate"] = a.challenges(v.dpop, says, d)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "5")
	case http.StatusTooManyRequests:
		if no, ok := errors.AsType[*tooMany](err); ok {
			h.Set("Retry-After", strconv.FormatInt(max(1, int64(time.Until(no.until)/time.Second)+1), 10))
		}
	}
	if reason == ErrNonce {
		h.Set("DPoP-Nonce", a.o.DPoP.nonce())
	}
	expose(h)
	w.WriteHeader(says.status)
	body := map[string]string{"error_description": says.says}
	if says.code != "" {
		body["error"] = says.code
	}
	_ = json.NewEncoder(w).Encode(body)
}

// tell says what was decided: to the log if it was refused, and to the observer.
func (a *API) tell(r *http.Request, v verdict, reason Reason, err error) {
	if a.o.Observe != nil {
		a.o.Observe(r.Context(), reason)
	}
	if a.o.Logger == nil || err == nil {
		return
	}
	attrs := []slog.Attr{slog.String("reason", string(reason)), slog.Any("error", err), slog.String("method", r.Method),
		slog.String("path", r.URL.Path)}
	if v.token != nil {
		attrs = append(attrs, slog.String("client_id", v.token.ClientID), slog.String("sub", v.token.Subject))
	}
	level := slog.LevelInfo
	if reason == ErrUnavailable {
		level = slog.LevelWarn
	}
	a.o.Logger.LogAttrs(r.Context(), level, "request refused", attrs...)
}

// expose lets scripts of an origin that the API answers read the challenge.
func expose(h http.Header) {
	if h.Get("Access-Control-Allow-Origin") != "" {
		h.Add("Access-Control-Expose-Headers", "WWW-Authenticate, DPoP-Nonce")
	}
}

// challenges are one for each scheme that would do, that of the request first; it has the error (RFC 6750 section 3, RFC 9449 section 7.1).
func (a *API) challenges(dpop bool, says answer, d Demand) []string {
	var params [][2]string
	if says.code != "" {
		params = append(params, [2]string{"error", says.code}, [2]string{"error_description", says.says})
	}
	if scopes := a.needed(d); len(scopes) > 0 && (says.code == "" || says.code == "insufficient_scope") {
		params = append(params, [2]string{"scope", strings.Join(scopes, " ")})
	}
	if says.code == "insufficient_user_authentication" {
		for _, classes := range d.classes[:min(1, len(d.classes))] {
			params = append(params, [2]string{"acr_values", strings.Join(classes, " ")})
		}
		if d.young {
			params = append(params, [2]string{"max_age", strconv.FormatInt(int64(d.maxAge.Seconds()), 10)})
		}
	}
	var where [][2]string
	if a.metadata != "" {
		where = [][2]string{{"resource_metadata", a.metadata}}
	}
	algs := [2]string{"algs", strings.Join(proofAlgorithms, " ")}
	proofs := append(slices.Clone(where), algs)
	switch {
	case a.o.DPoP.Required:
		return []string{challenge("DPoP", append(params, proofs...))}
	case dpop:
		return []string{challenge("DPoP", append(params, proofs...)), challenge("Bearer", where)}
	}
	return []string{challenge("Bearer", append(params, where...)), challenge("DPoP", proofs)}
}

func challenge(scheme string, params [][2]string) string {
	list := make([]string, len(params))
	for i, p := range params {
		list[i] = p[0] + `="` + quoted(p[1]) + `"`
	}
	return strings.TrimSpace(scheme + " " + strings.Join(list, ", "))
}

// quoted is what a quoted-string has between its quotes (RFC 9110 section 5.6.4).
func quoted(s string) string {
	clean := func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(strings.Map(clean, s))
}
