package servertest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"signet/internal/openapi"
	"signet/server/web"
)

// documented holds every answer of the API of administrators to its document, and every request that was carried out. What is not as the
// document has it fails, whatever the test is about.
type documented struct {
	next     http.RoundTripper
	document func(of *http.Request) (*openapi.Document, error)
}

// adminAPI is where the operations are.
const adminAPI = web.AdminPath + "v1/"

// Documented judges what passes through next.
func Documented(next http.RoundTripper) http.RoundTripper {
	var known sync.Map // the address of a document: what parses it once
	return documented{next, func(of *http.Request) (*openapi.Document, error) {
		u := *of.URL
		u.Path = u.Path[:strings.Index(u.Path, adminAPI)] + adminAPI + "openapi.json"
		u.RawPath, u.RawQuery = "", ""
		req, err := http.NewRequestWithContext(of.Context(), http.MethodGet, u.String(), nil)
		if err != nil {
			return nil, err
		}
		parse := func() (*openapi.Document, error) {
			res, err := next.RoundTrip(req)
			if err != nil {
				return nil, err
			}
			defer res.Body.Close()
			raw, err := io.ReadAll(res.Body)
			if err != nil {
				return nil, err
			}
			if res.Header.Get("Content-Type") != "application/openapi+json" { // the API is off, or this is no Signet
				return nil, nil
			}
			return openapi.Parse(raw)
		}
		once, _ := known.LoadOrStore(u.String(), sync.OnceValues(parse))
		return once.(func() (*openapi.Document, error))()
	}}
}

// RoundTrip implements http.RoundTripper.
func (d documented) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.Contains(req.URL.Path, adminAPI) || strings.HasSuffix(req.URL.Path, "/openapi.json") {
		return d.next.RoundTrip(req)
	}
	var sent bytes.Buffer
	in := req
	if req.Body != nil {
		in = req.Clone(req.Context())
		in.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(req.Body, &sent), req.Body}
	}
	res, err := d.next.RoundTrip(in)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(got))
	document, err := d.document(req)
	if err == nil && document != nil {
		err = document.Judge(openapi.Exchange{Method: req.Method, URL: req.URL, Header: req.Header, Sent: sent.Bytes(),
			Status: res.StatusCode, Answer: res.Header, Got: got})
	}
	if err != nil {
		return nil, fmt.Errorf("the API of administrators and its document: %s: %w", req.URL.Path, err)
	}
	return res, nil
}
