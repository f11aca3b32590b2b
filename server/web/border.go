package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"signet/oauth/refusal"
	"signet/storage"
)

// errBusy is more work than the in-flight cap.
var errBusy = errors.New("too many requests in flight")

// retryDelay is what 503 answers tell clients to wait.
const retryDelay = 2 * time.Second

// statusGone is logged where the client left before the answer; nothing is sent.
const statusGone = 499

// fail turns an error into bytes, in the form of the route's side. The chain goes to the log only.
func (rt *route) fail(x *exchange, r *http.Request, err error) {
	x.err = err
	if x.status != 0 {
		return // the answer has begun; all we can do is log
	}
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		x.status = statusGone
		return
	}
	form := rt.side
	if rt == rt.mux.nowhere {
		form = rt.mux.formFor(r)
	}
	if x.body.tooBig || x.body.late {
		x.Header()["Connection"] = closeConnection // the rest of the body is not read
	}
	switch form {
	case apiSide:
		writeRefusal(x, toRefusal(x, err))
	case adminSide:
		writeProblem(x, ToProblem(x, err))
	default:
		rt.failPage(x, r, toPage(x, err))
	}
}

// formFor chooses the form of the answer for a path nobody has, or for a wrong method.
func (m *Mux) formFor(r *http.Request) side {
	if found, _ := m.paths.Handler(r); found != nil {
		if k, ok := found.(*knownPath); ok {
			return k.side
		}
	}
	if strings.HasPrefix(r.URL.Path, m.prefix+AdminPath) {
		return adminSide
	}
	accept := strings.Join(r.Header["Accept"], ",")
	if strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html") {
		return apiSide
	}
	return pageSide
}

// toPage finds what a person is told.
func toPage(x *exchange, err error) *PageError {
	switch {
	case x.body.tooBig:
		return &PageError{Status: http.StatusRequestEntityTooLarge, Kind: "too_large", Cause: err}
	case x.body.late:
		return &PageError{Status: http.StatusRequestTimeout, Kind: "too_slow", Cause: err}
	case errors.Is(err, storage.ErrUnavailable):
		return &PageError{Status: http.StatusServiceUnavailable, Kind: "unavailable", RetryAfter: retryDelay, Cause: err}
	case errors.Is(err, errBusy):
		return &PageError{Status: http.StatusServiceUnavailable, Kind: "busy", RetryAfter: retryDelay, Cause: err}
	}
	if page, ok := errors.AsType[*PageError](err); ok {
		return page
	}
	if no, ok := errors.AsType[*refusal.Refusal](err); ok && no.Status < 500 {
		kind := "invalid_request"
		switch no.Code {
		case "access_denied":
			kind = "denied"
		case "request_not_supported", "request_uri_not_supported", "registration_not_supported":
			kind = "request_not_supported"
		}
		return &PageError{Status: no.Status, Kind: kind, Cause: err,
			Facts: []Fact{{Name: "error", Value: no.Code}, {Name: "description", Value: no.Description}}}
	} else if ok && no.Status == http.StatusServiceUnavailable {
		return &PageError{Status: no.Status, Kind: "busy", RetryAfter: retryDelay, Cause: err}
	}
	switch {
	case errors.Is(err, storage.ErrText):
		return &PageError{Status: http.StatusBadRequest, Kind: "invalid_request", Cause: err}
	case errors.Is(err, storage.ErrStale): // after as many tries as the handler makes
		return &PageError{Status: http.StatusServiceUnavailable, Kind: "busy", RetryAfter: retryDelay, Cause: err}
	}
	return &PageError{Status: http.StatusInternalServerError, Kind: "server", Cause: err}
}

// failPage shows it; if even that fails, in plain text.
func (rt *route) failPage(x *exchange, r *http.Request, page *PageError) {
	if page.Status == 0 {
		shown := *page
		shown.Status = http.StatusBadRequest
		page = &shown
	}
	h := x.Header()
	h["Content-Security-Policy"] = pageCSP
	h["Cache-Control"] = noStore
	if page.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((page.RetryAfter+time.Second-1)/time.Second), 10))
	}
	if rt.mux.options.Errors != nil {
		err := rt.mux.options.Errors(x, r, page)
		if err == nil || x.status != 0 {
			return
		}
		x.err = errors.Join(x.err, err)
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	x.WriteHeader(page.Status)
	_, _ = x.Write([]byte(strconv.Itoa(page.Status) + " " + http.StatusText(page.Status) + "\nReference: " + x.reference() + "\n"))
}

// longer says how long a body may be.
func longer(x *exchange) string {
	return "The request body is longer than " + strconv.FormatInt(cmp.Or(x.route.largest, maxBody)>>10, 10) + " KiB."
}

// toRefusal finds what a program is told.
func toRefusal(x *exchange, err error) *refusal.Refusal {
	plain := func(status int, code, description string) *refusal.Refusal {
		return &refusal.Refusal{Code: code, Description: description, Status: status}
	}
	switch {
	case x.body.tooBig:
		return plain(http.StatusRequestEntityTooLarge, "invalid_request", longer(x))
	case x.body.late:
		return plain(http.StatusRequestTimeout, "invalid_request", "The request body did not arrive in time.")
	case errors.Is(err, storage.ErrUnavailable):
		return refusal.TemporarilyUnavailable("The database cannot be reached. Reference " + x.reference() + ".")
	case errors.Is(err, errBusy):
		return refusal.TemporarilyUnavailable("The server has too much to do.")
	}
	if no, ok := errors.AsType[*refusal.Refusal](err); ok {
		if no.Status != http.StatusInternalServerError {
			return no
		}
	} else if page, ok := errors.AsType[*PageError](err); ok {
		switch page.Status {
		case http.StatusForbidden:
			return plain(page.Status, "invalid_request", "Pages of other sites cannot ask here.")
		case http.StatusNotFound:
			return plain(page.Status, "invalid_request", "There is nothing at this address.")
		case http.StatusMethodNotAllowed:
			return plain(page.Status, "invalid_request", "This address does not answer that method.")
		case http.StatusRequestURITooLong:
			return plain(page.Status, "invalid_request", "The address is longer than 8 KiB.")
		case http.StatusRequestEntityTooLarge:
			return plain(page.Status, "invalid_request", longer(x))
		case http.StatusTooManyRequests:
			no := plain(page.Status, "temporarily_unavailable", "Too many requests.")
			if page.RetryAfter > 0 {
				no.Header = http.Header{"Retry-After": {strconv.FormatInt(int64((page.RetryAfter+time.Second-1)/time.Second), 10)}}
			}
			return no
		}
		if page.Status < 500 {
			return plain(page.Status, "invalid_request", "The request cannot be answered.")
		}
	}
	switch {
	case errors.Is(err, storage.ErrText):
		return plain(http.StatusBadRequest, "invalid_request", "The request holds text that is not UTF-8, or a NUL.")
	case errors.Is(err, storage.ErrStale):
		return refusal.TemporarilyUnavailable("Too many requests at once want to change the same thing.")
	}
	return refusal.ServerError("This did not work on our side. Reference " + x.reference() + ".")
}

// writeRefusal writes RFC 6749 section 5.2's form.
func writeRefusal(x *exchange, no *refusal.Refusal) {
	h := x.Header()
	for name, values := range no.Header {
		h[http.CanonicalHeaderKey(name)] = values // whoever wrote the literal may have spelt it WWW-Authenticate
	}
	h["Cache-Control"] = noStore
	status := no.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	switch {
	case status == http.StatusServiceUnavailable && h["Retry-After"] == nil:
		h["Retry-After"] = retrySoon
	case status == http.StatusUnauthorized && h["Www-Authenticate"] == nil:
		if no.Code == "invalid_token" {
			h.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		} else {
			h.Set("WWW-Authenticate", `Basic realm="signet"`)
		}
	}
	_ = WriteJSON(x, status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{no.Code, no.Description})
}
