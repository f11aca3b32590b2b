package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"signet/audit/trace"
	"signet/internal/telemetry"
	"signet/internal/tracing"
)

// Options of NewMux. Issuer is required.
type Options struct {
	Issuer         *url.URL
	Log            *slog.Logger       // nil discards
	Metrics        *telemetry.Metrics // nil: a registry nobody reads
	Tracer         *tracing.Tracer    // nil: no request is traced
	TrustedProxies []netip.Prefix     // whose X-Forwarded-* count; empty = nobody's
	// Certificates is where a trusted proxy says which certificate a client showed to it; the zero value: nowhere.
	Certificates CertificateHeader
	// Origins reports whether an enabled client's redirect URIs have the origin (RegisteredCORS). Nil = none has.
	Origins func(ctx context.Context, origin string) bool
	// Errors shows a PageError to a person. Nil: plain text.
	Errors func(w http.ResponseWriter, r *http.Request, e *PageError) error
	// Refused is told of each request that was answered with an error, also by a redirect, when it is over. Nil: nobody is.
	Refused  func(t trace.Trace)
	InFlight int // requests worked on at once, shared out by places; more are answered 503. 0 = 512
}

const (
	defaultInFlight = 512
	readingTimes    = 8 // bodies that may be arriving for each request worked on
)

// Mux holds both sides. Handlers mount their routes, then Handler freezes it.
type Mux struct {
	options Options
	log     *slog.Logger
	metrics *telemetry.Metrics
	prefix  string // the issuer's path, without a slash at its end
	base    string // the issuer's scheme and authority
	hosts   []string
	tls     bool // the issuer is https
	cross   *http.CrossOriginProtection

	mux        *http.ServeMux
	paths      *http.ServeMux // the same paths without methods: tells 405 from 404
	known      map[string]*knownPath
	mounted    []string
	outside    []string // cross-site pages with the reason of each
	touches    map[string][]Touch
	undeclared []string // unsafe routes that do not say what they touch
	nowhere    *route
	places     *places
	reading    *places   // for bodies that are still arriving
	warned     sync.Once // of a foreign Host

	warnedScheme sync.Once
}

// knownPath is a path with the methods it answers.
type knownPath struct {
	methods []string
	side    side
	cors    CORS
}

func (*knownPath) ServeHTTP(http.ResponseWriter, *http.Request) {} // only ever looked up

// NewMux makes an empty one.
func NewMux(o Options) *Mux {
	m := &Mux{
		options: o, log: o.Log, metrics: o.Metrics,
		prefix: strings.TrimRight(o.Issuer.EscapedPath(), "/"),
		base:   o.Issuer.Scheme + "://" + o.Issuer.Host,
		hosts:  hostNames(o.Issuer),
		tls:    o.Issuer.Scheme == "https",
		cross:  http.NewCrossOriginProtection(),
		mux:    http.NewServeMux(), paths: http.NewServeMux(), known: map[string]*knownPath{},
		touches: map[string][]Touch{},
	}
	m.options.Certificates.prepare()
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if m.metrics == nil {
		m.metrics = telemetry.NewMetrics()
	}
	if m.options.InFlight <= 0 {
		m.options.InFlight = defaultInFlight
	}
	m.places, m.reading = newPlaces(m.options.InFlight), newPlaces(readingTimes*m.options.InFlight)
	if err := m.cross.AddTrustedOrigin(m.base); err != nil {
		panic(fmt.Sprintf("web: issuer %q: %v", o.Issuer, err))
	}
	m.nowhere = &route{mux: m, pattern: "none", side: pageSide, vital: true, crossSite: true, handle: m.noRoute,
		seen: m.metrics.Route("any none")}
	m.mux.Handle("/", m.nowhere)
	return m
}

// Page mounts a route on the browser side: no Authorization header is read, pages get their CSP, POSTs must come from our
// own pages (http.CrossOriginProtection), a foreign Host is sent to the issuer. touches says which ways to sign in the route
// adds, replaces or removes; with an unsafe method it says so always, if only Nothing.
func (m *Mux) Page(pattern string, f Func, touches ...Touch) {
	m.declare(m.prefixed(pattern), touches)
	m.mount(m.prefixed(pattern), &route{side: pageSide, handle: f})
}

// Upload is Page for a route with a body of up to so many bytes, which the handler reads by itself: after it knows who sends it, so that
// strangers keep no memory by it. It holds one of the places meanwhile, so the handler bounds how many there are (A06, V07).
func (m *Mux) Upload(pattern string, largest int64, f Func, touches ...Touch) {
	m.declare(m.prefixed(pattern), touches)
	m.mount(m.prefixed(pattern), &route{side: pageSide, largest: largest, handle: f})
}

// FramedPage is Page for a route that pages of other sites may also load in a frame: it stores nothing then (Navigation).
func (m *Mux) FramedPage(pattern string, f Func, touches ...Touch) {
	m.declare(m.prefixed(pattern), touches)
	m.mount(m.prefixed(pattern), &route{side: pageSide, framed: true, handle: f})
}

// CrossSitePage mounts a browser route that other sites may POST to. It must change nothing but its own request in
// progress; the reason says why it may stand outside the protection (C01).
func (m *Mux) CrossSitePage(pattern, reason string, f Func, touches ...Touch) {
	if reason == "" {
		panic("web: CrossSitePage wants a reason: " + pattern)
	}
	m.outside = append(m.outside, pattern+": "+reason)
	m.declare(m.prefixed(pattern), touches)
	m.mount(m.prefixed(pattern), &route{side: pageSide, crossSite: true, handle: f})
}

// API mounts a route for programs: cookies are removed before f sees the request, errors become OAuth JSON. With
// PublicCORS it also answers while the in-flight cap is reached (A07).
func (m *Mux) API(pattern string, cors CORS, f Func, touches ...Touch) {
	m.declare(m.prefixed(pattern), touches)
	m.mountAPI(m.prefixed(pattern), cors, f)
}

// Admin mounts a route for administrators' programs: cookies are removed, errors become problem details (RFC 9457), and an eighth of the
// places are for all of them together. Which ways to sign in it changes is for package admin to guard: no person of a browser comes here.
func (m *Mux) Admin(pattern string, f Func) {
	m.mount(m.prefixed(pattern), &route{side: adminSide, handle: f})
}

// AdminUpload is Admin for a route with a body of up to so many bytes. The handler reads it, after it knows who sends it, and gives it the
// time that it takes (Patience).
func (m *Mux) AdminUpload(pattern string, largest int64, f Func) {
	m.mount(m.prefixed(pattern), &route{side: adminSide, largest: largest, handle: f})
}

// Patience gives a request so long to arrive, and to be answered, from now on, in place of the listener's times.
func Patience(w http.ResponseWriter, d time.Duration) {
	c := http.NewResponseController(w)
	_, _ = c.SetReadDeadline(time.Now().Add(d)), c.SetWriteDeadline(time.Now().Add(d)) // a test's writer has none
}

// Console mounts a browser route with which administrators act, on others: which ways to sign in it changes is for package admin to guard,
// and no rule about a person's own account is asked for it.
func (m *Mux) Console(pattern string, f Func) {
	m.mount(m.prefixed(pattern), &route{side: pageSide, handle: f})
}

// ConsoleUpload is Console for a route with a body of up to so many bytes, which the handler reads by itself, as one of Upload does.
func (m *Mux) ConsoleUpload(pattern string, largest int64, f Func) {
	m.mount(m.prefixed(pattern), &route{side: pageSide, largest: largest, handle: f})
}

// Root is API for a path that is not under the issuer's own (the well-known forms of RFC 8414 section 3.1).
func (m *Mux) Root(pattern string, cors CORS, f Func, touches ...Touch) {
	m.declare(pattern, touches)
	m.mountAPI(pattern, cors, f)
}

// Vital mounts a route that always answers, whatever the load, and leaves no line in the log unless it fails: health.
func (m *Mux) Vital(pattern string, f Func) {
	m.mount(m.prefixed(pattern), &route{side: apiSide, vital: true, quiet: true, handle: f})
}

// Asset mounts static files: public, cacheable (the handler says how long), no side's credentials are read.
func (m *Mux) Asset(pattern string, f Func) {
	m.mount(m.prefixed(pattern), &route{side: assetSide, quiet: true, handle: f})
}

func (m *Mux) mountAPI(pattern string, cors CORS, f Func) {
	rt := &route{side: apiSide, cors: cors, vital: cors == PublicCORS, handle: f}
	m.mount(pattern, rt)
	if cors == NoCORS || cors == NoBrowsers {
		return
	}
	_, path, _ := strings.Cut(pattern, " ")
	preflight := "OPTIONS " + path
	if !slices.Contains(m.mounted, preflight) {
		m.mount(preflight, &route{side: apiSide, cors: cors, vital: rt.vital, quiet: true, handle: m.preflight(path)})
	}
}

func (m *Mux) mount(pattern string, rt *route) {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		panic("web: a pattern is METHOD PATH: " + pattern)
	}
	rt.mux, rt.pattern, rt.method = m, path, method
	rt.seen = m.metrics.Route(pattern)
	rt.isolated = strings.HasPrefix(path, m.prefix+"/account") || strings.HasPrefix(path, m.prefix+"/admin")
	m.mux.Handle(pattern, rt)
	m.mounted = append(m.mounted, pattern)
	k := m.known[path]
	if k == nil {
		k = &knownPath{side: rt.side, cors: rt.cors}
		m.known[path] = k
		m.paths.Handle(path, k)
	}
	k.methods = append(k.methods, method)
	if method == http.MethodGet {
		k.methods = append(k.methods, http.MethodHead)
	}
}

// prefixed puts the issuer's path before a pattern's.
func (m *Mux) prefixed(pattern string) string {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok || m.prefix == "" {
		return pattern
	}
	return method + " " + m.prefix + path
}

// Path puts the issuer's path before one of our paths ("/signin" → "/tenant/signin").
func (m *Mux) Path(path string) string { return m.prefix + path }

// Mounted lists the patterns, the issuer's path included, in order of mounting: discovery is computed from it.
func (m *Mux) Mounted() []string { return slices.Clone(m.mounted) }

// OutsideProtection lists the browser routes that other sites may POST to, each with its reason.
func (m *Mux) OutsideProtection() []string { return slices.Clone(m.outside) }

// Handler is all of it.
func (m *Mux) Handler() http.Handler { return http.HandlerFunc(m.serve) }

// noRoute answers what no handler has: 405 where the path is known under another method, else 404. A browser that reloads, or goes back to,
// where a form was sent to is led to the page that the form is on.
func (m *Mux) noRoute(w http.ResponseWriter, r *http.Request) error {
	found, _ := m.paths.Handler(r)
	k, ok := found.(*knownPath)
	if !ok {
		return &PageError{Status: http.StatusNotFound, Kind: "not_found"}
	}
	if page := m.pageAbove(k, r); page != "" {
		return Redirect(w, r, page)
	}
	methods := slices.Compact(slices.Sorted(slices.Values(k.methods)))
	w.Header().Set("Allow", strings.Join(methods, ", "))
	return &PageError{Status: http.StatusMethodNotAllowed, Kind: "method"}
}

// pageAbove is the next page above an address that only forms are sent to, with the same query, for a browser that wants to show the
// address; "" where there is none, or somebody else asks.
func (m *Mux) pageAbove(k *knownPath, r *http.Request) string {
	shows := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !shows || k.side != pageSide || slices.Contains(k.methods, http.MethodGet) || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return ""
	}
	for path := r.URL.Path; len(path) > len(m.prefix)+1; {
		if path = path[:strings.LastIndexByte(path, '/')]; path == m.prefix {
			path += "/"
		}
		at := url.URL{Path: path, RawQuery: r.URL.RawQuery}
		found, _ := m.paths.Handler(&http.Request{Method: http.MethodGet, Host: r.Host, URL: &at})
		if above, ok := found.(*knownPath); ok && above.side == pageSide && slices.Contains(above.methods, http.MethodGet) {
			return at.String()
		}
	}
	return ""
}

// Limits of a listener (A06). Serving code sets them with Harden.
const (
	maxHeader         = 16 << 10
	maxURL            = 8 << 10
	maxBody           = 64 << 10
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second // header and body
	writeTimeout      = 30 * time.Second // of an answer; see exchange.sends
	makingTimeout     = 2 * time.Minute  // of an answer that has not begun, in HTTP/2
	idleTimeout       = 60 * time.Second
)

// Harden sets a listener's limits of time and size; net/http answers 431 to a longer header block.
func Harden(s *http.Server) {
	s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = readHeaderTimeout, readTimeout, writeTimeout, idleTimeout
	s.MaxHeaderBytes = maxHeader - 4096 // net/http adds 4096 of slack
}
