// Package egress is the one way out: requests from Signet to other people's servers, whose addresses often come from other
// people too. It speaks https only, checks each address at the moment of dialling (a name may resolve to something else by
// then), follows no redirect, takes no proxy from the environment, sends no cookies, and bounds time, size and number.
//
// Begin with New and Client.Fetch. Which addresses are refused is in address.go. What was fetched never appears in an error.
package egress

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"signet/internal/tracing"
)

// Categories callers branch on with errors.Is.
var (
	// ErrURL: not an https URL that may be asked for.
	ErrURL = errors.New("not a URL that may be fetched")
	// ErrAddress: the name leads to an address inside, or to none that may be dialled.
	ErrAddress = errors.New("address not allowed")
	// ErrBusy: too many requests at once, over all or to this host.
	ErrBusy = errors.New("too many requests at once")
	// ErrAnswer: a redirect, an answer that is too large, compressed, or of another type than asked for.
	ErrAnswer = errors.New("answer not taken")
	// ErrOff: this process reaches nobody.
	ErrOff = errors.New("the way out is closed")
)

const (
	agent      = "Signet" // User-Agent; no version, which would only help those who look for old ones
	maxHeaders = 32 << 10 // bytes of an answer
)

// Options of New. The zero value is complete.
type Options struct {
	Connect  time.Duration // 3 s
	Total    time.Duration // 5 s, from the first byte out to the last byte in
	MaxBody  int64         // bytes; 64 KiB
	InFlight int           // requests at once; 16
	PerHost  int           // of them to one host; 4
	Ports    []string      // beside 443
	// Allow names hosts (name or address, without port) that may be reached wherever they are, by http and on any port. It is
	// for tests and for trying things out on one machine only.
	Allow []string
	// Inner names hosts that the operator chose, and that may be reached wherever they are and on any port, by https only.
	Inner []string
	Roots *x509.CertPool // nil = the system's
	Off   bool           // nothing is reached: ErrOff
}

// Client fetches. It is safe for concurrent use.
type Client struct {
	transport *http.Transport
	total     time.Duration
	maxBody   int64
	perHost   int
	ports     []string
	allow     []string
	inner     []string
	off       bool

	places chan struct{}
	mu     sync.Mutex
	hosts  map[string]int // requests in flight
}

// New makes a client.
func New(o Options) *Client {
	c := &Client{
		total: cmp.Or(o.Total, 5*time.Second), maxBody: cmp.Or(o.MaxBody, 64<<10), perHost: cmp.Or(o.PerHost, 4),
		ports: append([]string{"443", ""}, o.Ports...), places: make(chan struct{}, cmp.Or(o.InFlight, 16)), hosts: map[string]int{},
		off: o.Off,
	}
	for _, host := range o.Allow {
		c.allow = append(c.allow, strings.ToLower(host))
	}
	for _, host := range o.Inner {
		c.inner = append(c.inner, strings.ToLower(host))
	}
	guarded := &net.Dialer{Timeout: cmp.Or(o.Connect, 3*time.Second), Control: control}
	free := &net.Dialer{Timeout: guarded.Timeout}
	c.transport = &http.Transport{ // no Proxy: the environment's would see, and might be, what is inside
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			if c.allowed(host) || c.chosen(host) {
				return free.DialContext(ctx, network, address)
			}
			return guarded.DialContext(ctx, network, address)
		},
		TLSClientConfig:        &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    guarded.Timeout,
		ResponseHeaderTimeout:  c.total,
		MaxResponseHeaderBytes: maxHeaders,
		MaxIdleConnsPerHost:    1,
		MaxIdleConns:           16,
		IdleConnTimeout:        30 * time.Second,
		DisableCompression:     true, // one size limit, on what is read
		ForceAttemptHTTP2:      true,
	}
	return c
}

// control runs after name resolution and before connect(2), for every address tried.
func control(_, address string, _ syscall.RawConn) error {
	if !Public(address) {
		return ErrAddress
	}
	return nil
}

func (c *Client) allowed(host string) bool { return slices.Contains(c.allow, strings.ToLower(host)) }

func (c *Client) chosen(host string) bool { return slices.Contains(c.inner, strings.ToLower(host)) }

// Dial connects to HOST:PORT for a protocol that is not HTTP: to what Fetch reaches, on any port.
func (c *Client) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if c.off {
		return nil, ErrOff
	}
	return c.transport.DialContext(ctx, network, address)
}

// Close ends idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Request is what to fetch.
type Request struct {
	Method string            // GET if empty, or POST
	URL    string            // absolute
	Header map[string]string // beside the User-Agent; Host, Cookie and the like are not for callers to set
	Body   []byte
	Types  []string // media types that are taken in the answer; empty = any
	// StatusOnly: nothing but the status counts; whatever the rest of the answer is, it is not read.
	StatusOnly bool
}

// Response is what came back, whatever the status but, where more than the status counts, a redirect.
type Response struct {
	Status int
	Type   string // media type, lower case, without parameters
	Body   []byte
	MaxAge time.Duration // of Cache-Control (RFC 9111 section 5.2.2.1), 0 = not said
	// RetryAfter is how long the other server asks not to be asked again (RFC 9110 section 10.2.3), at most a day; 0 = not said.
	RetryAfter time.Duration
}

// Check reports whether a URL may be asked for, without asking: ErrURL.
func (c *Client) Check(raw string) error {
	_, err := c.parse(raw)
	return err
}

func (c *Client) parse(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case c.off:
		return nil, ErrOff
	case err != nil || u.Hostname() == "" || u.Opaque != "" || u.User != nil || u.Fragment != "" || len(raw) > 2048:
		return nil, ErrURL
	case c.allowed(u.Hostname()) && (u.Scheme == "http" || u.Scheme == "https"):
		return u, nil
	case u.Scheme != "https" || !slices.Contains(c.ports, u.Port()) && !c.chosen(u.Hostname()):
		return nil, ErrURL
	}
	return u, nil
}

// Fetch asks once: no retry, no redirect.
func (c *Client) Fetch(ctx context.Context, q Request) (Response, error) {
	u, err := c.parse(q.URL)
	if err != nil {
		return Response{}, err
	}
	leave, err := c.enter(u.Host)
	if err != nil {
		return Response{}, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, c.total)
	defer cancel()
	method := cmp.Or(q.Method, http.MethodGet)
	if method != http.MethodGet && method != http.MethodPost {
		return Response{}, ErrURL
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(q.Body))
	if err != nil {
		return Response{}, ErrURL
	}
	for name, value := range q.Header {
		req.Header.Set(name, value)
	}
	req.Header.Set("User-Agent", agent)
	_, end := tracing.Span(ctx, method, u.Hostname())
	res, err := c.transport.RoundTrip(req) // a Transport, not a Client: it follows nothing and keeps no cookies
	end(err)
	if err != nil {
		return Response{}, fmt.Errorf("fetch from %s: %w", u.Hostname(), err)
	}
	defer res.Body.Close()
	answer := Response{Status: res.StatusCode}
	answer.Type, _, _ = mime.ParseMediaType(res.Header.Get("Content-Type"))
	answer.MaxAge = maxAge(res.Header.Get("Cache-Control"))
	answer.RetryAfter = retryAfter(res.Header.Get("Retry-After"))
	switch {
	case q.StatusOnly:
		return answer, nil
	case answer.Status >= 300 && answer.Status < 400:
		return Response{}, fmt.Errorf("%w: a redirect (%d)", ErrAnswer, answer.Status)
	case res.Header.Get("Content-Encoding") != "":
		return Response{}, fmt.Errorf("%w: compressed", ErrAnswer)
	case len(q.Types) > 0 && !slices.Contains(q.Types, answer.Type):
		return Response{}, fmt.Errorf("%w: of another type than asked for (status %d)", ErrAnswer, answer.Status)
	}
	if answer.Body, err = io.ReadAll(io.LimitReader(res.Body, c.maxBody+1)); err != nil {
		return Response{}, fmt.Errorf("fetch from %s: %w", u.Hostname(), err)
	}
	if int64(len(answer.Body)) > c.maxBody {
		return Response{}, fmt.Errorf("%w: more than %d bytes", ErrAnswer, c.maxBody)
	}
	return answer, nil
}

// retryAfter is at most a day; what cannot be read is not said.
func retryAfter(text string) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = time.Until(at)
	}
	return min(max(wait, 0), 24*time.Hour)
}

// maxAge is at most a day; what cannot be read is not said.
func maxAge(control string) time.Duration {
	for directive := range strings.SplitSeq(control, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if !strings.EqualFold(name, "max-age") {
			continue
		}
		seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
		if err != nil {
			return 0
		}
		return min(time.Duration(seconds)*time.Second, 24*time.Hour)
	}
	return 0
}

// enter takes a place, over all and for the host; nobody waits for one.
func (c *Client) enter(host string) (leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hosts[host] >= c.perHost {
		return nil, ErrBusy
	}
	select {
	case c.places <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	c.hosts[host]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.hosts[host]--; c.hosts[host] == 0 {
			delete(c.hosts, host)
		}
		<-c.places
	}, nil
}
