package web

import (
	"cmp"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"runtime/debug"
	"strings"

	"signet/internal/telemetry"
)

// side is who a route speaks to.
type side int

const (
	pageSide side = iota // people: cookies, HTML
	apiSide              // programs: no cookies, JSON
	assetSide
	adminSide // administrators' programs: no cookies, JSON, errors as RFC 9457 has them
	sides     // how many there are
)

// route is one mounted pattern with what was decided about it.
type route struct {
	mux       *Mux
	pattern   string // the path part
	method    string
	side      side
	cors      CORS
	crossSite bool  // other sites may POST
	framed    bool  // other sites' pages may load it as a part of theirs
	largest   int64 // bytes of a body that the handler reads; 0 = maxBody, read before it
	vital     bool  // answers beyond the in-flight cap
	quiet     bool  // logged at debug level when all is well
	isolated  bool  // Cross-Origin-Opener-Policy
	handle    Func
	seen      *telemetry.Route
}

func (rt *route) methodName() string {
	if rt.method == "" {
		return "any"
	}
	return rt.method
}

// ServeHTTP runs the handler inside the frame: headers, limits, cross-origin rule, panic net, error border.
func (rt *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x, ok := w.(*exchange)
	if !ok {
		panic("web: a route serves only behind Mux.Handler")
	}
	x.route = rt
	defer rt.catch(x, r)
	rt.headers(w.Header(), r)
	if err := rt.admit(x, r); err != nil {
		rt.fail(x, r, err)
		return
	}
	if rt.side == pageSide {
		r.Header.Del("Authorization")
		if !(rt == rt.mux.nowhere && rt.mux.formFor(r) != pageSide) {
			if gone, err := rt.strayed(x, r); err != nil {
				rt.fail(x, r, err)
				return
			} else if gone {
				return
			}
		}
	} else {
		delete(r.Header, "Cookie")
		forgive(r.Header)
	}
	if err := rt.handle(w, r); err != nil {
		rt.fail(x, r, err)
	}
}

// foreign says why a request of another site's page is refused. At an endpoint for programs alone it would only use up what the network
// that it is shown in may have (rule V06).
func (rt *route) foreign(r *http.Request) error {
	page := rt.side == pageSide && !rt.crossSite
	if page || rt.side == apiSide && rt.cors == NoBrowsers {
		if err := rt.mux.cross.Check(r); err != nil {
			return err
		}
	}
	if page && !rt.framed && !Navigation(r) {
		return errPart
	}
	return nil
}

// formType is the one kind of body that endpoints for programs read.
const formType = "application/x-www-form-urlencoded"

// forgive drops what says nothing: an Authorization header without a value, and parameters of the content type of a form that cannot be
// read, "charset=" for example.
func forgive(h http.Header) {
	if auth := h["Authorization"]; len(auth) > 0 && strings.TrimSpace(strings.Join(auth, "")) == "" {
		delete(h, "Authorization")
	}
	kind := h["Content-Type"]
	if len(kind) != 1 || kind[0] == formType {
		return
	}
	media, _, parameters := strings.Cut(kind[0], ";")
	if media = strings.TrimSpace(media); !parameters || !strings.EqualFold(media, formType) {
		return
	}
	if _, _, err := mime.ParseMediaType(kind[0]); err != nil {
		h["Content-Type"] = []string{formType}
	}
}

// catch turns a panic into the answer for errors without a name (A13).
func (rt *route) catch(x *exchange, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	x.stack = debug.Stack()
	rt.fail(x, r, fmt.Errorf("panic: %v", p))
}

// admit checks the limits and reads the body; then the request has a place.
func (rt *route) admit(x *exchange, r *http.Request) error {
	if len(r.RequestURI) > maxURL {
		return &PageError{Status: http.StatusRequestURITooLong, Kind: "too_long"}
	}
	largest := cmp.Or(rt.largest, maxBody)
	if r.ContentLength > largest {
		x.body.tooBig = true
		return &PageError{Status: http.StatusRequestEntityTooLarge, Kind: "too_large"}
	}
	if err := rt.foreign(r); err != nil {
		return &PageError{Status: http.StatusForbidden, Kind: "cross_site", Cause: err}
	}
	if rt.vital {
		return nil
	}
	if x.body.most, x.body.left = largest, largest; rt.largest == 0 {
		if err := rt.receive(x); err != nil {
			return err
		}
	}
	if x.place = rt.mux.places.enter(rt.side, x.addr); !x.place {
		return rt.busy()
	}
	rt.mux.metrics.InFlight(int64(rt.mux.places.count()))
	return nil
}

func (rt *route) busy() error {
	rt.mux.metrics.RequestRefused()
	return errBusy
}

// receive reads the body.
func (rt *route) receive(x *exchange) error {
	if x.body.ReadCloser == nil {
		return nil
	}
	if !rt.mux.reading.enter(rt.side, x.addr) {
		x.Header()["Connection"] = closeConnection // the body is not read
		return rt.busy()
	}
	defer rt.mux.reading.leave(rt.side, x.addr)
	err := x.body.fetch()
	if err == nil || x.body.tooBig || x.body.late {
		return err
	}
	return &PageError{Status: http.StatusBadRequest, Kind: "invalid_request", Cause: err}
}

// errPart: a page of another site wants one of ours as its image, frame or the like.
var errPart = errors.New("asked for as a part of another site's page")

// Navigation reports whether a request is a person's browser going to an address, as far as it says so (Fetch Metadata): not a page of
// another site that loads it as a part of itself (V06). Browsers that say nothing navigate.
func Navigation(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") != "cross-site" {
		return true
	}
	mode, dest := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	return (mode == "" || mode == "navigate") && (dest == "" || dest == "document")
}

// cleanPath tells that ServeMux will not want to redirect to another spelling.
func cleanPath(p string) bool {
	return p != "" && p[0] == '/' && !strings.Contains(p, "//") && !strings.Contains(p, "/./") && !strings.Contains(p, "/../") &&
		!strings.HasSuffix(p, "/.") && !strings.HasSuffix(p, "/..")
}
