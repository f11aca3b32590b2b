package server

import (
	"bytes"
	"io"
	"net/http"
)

// loop is an http.Client that calls our own handler without a socket. The demo app uses it: what it asks for never
// depends on name resolution, proxies or where the listener really is.
func loop(handler func() http.Handler) *http.Client {
	return &http.Client{
		Transport:     loopTransport{handler},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type loopTransport struct{ handler func() http.Handler }

// RoundTrip implements http.RoundTripper.
func (t loopTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	in := req.Clone(req.Context())
	in.RequestURI = req.URL.RequestURI()
	in.Host = req.URL.Host
	in.RemoteAddr = "127.0.0.1:0"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	answer := &loopAnswer{header: http.Header{}, status: http.StatusOK}
	t.handler().ServeHTTP(answer, in)
	_ = in.Body.Close()
	return &http.Response{
		Status: http.StatusText(answer.status), StatusCode: answer.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: answer.header, Body: io.NopCloser(&answer.body), ContentLength: int64(answer.body.Len()), Request: req,
	}, nil
}

// loopAnswer keeps an answer in memory.
type loopAnswer struct {
	header http.Header
	body   bytes.Buffer
	status int
}

func (a *loopAnswer) Header() http.Header         { return a.header }
func (a *loopAnswer) Write(p []byte) (int, error) { return a.body.Write(p) }
func (a *loopAnswer) WriteHeader(status int)      { a.status = status }
