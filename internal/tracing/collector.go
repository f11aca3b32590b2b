package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"signet/internal/regular"
)

func instance() string { return rand.Text() }

// wanted reports whether the environment asks for traces.
func wanted() (bool, error) {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	switch exporter := os.Getenv("OTEL_TRACES_EXPORTER"); exporter {
	case "none":
		return false, nil
	case "otlp":
		return true, nil
	case "":
		return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "", nil
	default:
		return false, fmt.Errorf("%w: OTEL_TRACES_EXPORTER=%q is not known here; use otlp or none", ErrVariable, exporter)
	}
}

// setting is a variable of the exporter; that for traces wins over that for all signals.
func setting(name string) (value, variable string) {
	for _, variable := range []string{"OTEL_EXPORTER_OTLP_TRACES_" + name, "OTEL_EXPORTER_OTLP_" + name} {
		if v := os.Getenv(variable); v != "" {
			return v, variable
		}
	}
	return "", "OTEL_EXPORTER_OTLP_" + name
}

// collector sends spans by OTLP over HTTP, as protobuf. The library's own client brings gRPC along, 2 MB of it: docs/decisions.
type collector struct {
	url      string
	header   http.Header
	compress bool
	timeout  time.Duration
	http     *http.Transport // not a Client: it follows nothing
}

func newCollector() (*collector, error) {
	c := &collector{header: http.Header{"Content-Type": {"application/x-protobuf"}, "User-Agent": {"OTel-OTLP-Exporter-Signet"}}}
	var errs []error
	for _, read := range []func() error{c.readURL, c.readProtocol, c.readHeaders, c.readCompression, c.readTimeout, c.readTLS} {
		errs = append(errs, read())
	}
	return c, errors.Join(errs...)
}

func wrong(variable, what string) error { return fmt.Errorf("%w: %s %s", ErrVariable, variable, what) }

func (c *collector) readURL() error {
	c.url = "http://localhost:4318/v1/traces"
	variable := "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	at, path := os.Getenv(variable), ""
	if at == "" {
		variable, path = "OTEL_EXPORTER_OTLP_ENDPOINT", "v1/traces"
		at = os.Getenv(variable)
	}
	if at == "" {
		return nil
	}
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return wrong(variable, "is no URL with http or https; write it like http://localhost:4318")
	}
	if password, ok := u.User.Password(); ok {
		c.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
		u.User = nil
	}
	if path != "" {
		u = u.JoinPath(path)
	}
	c.url = u.String()
	return nil
}

func (c *collector) readProtocol() error {
	if protocol, variable := setting("PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
		return wrong(variable, fmt.Sprintf("is %q; Signet sends http/protobuf only, to port 4318 of most collectors", protocol))
	}
	return nil
}

// readHeaders reads name=value,name=value with percent-encoded values. They hold credentials: no error shows one.
func (c *collector) readHeaders() error {
	list, variable := setting("HEADERS")
	for pair := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		plain, err := url.PathUnescape(strings.TrimSpace(value))
		if !found || name == "" || err != nil || strings.ContainsAny(name, " \t\r\n:") || strings.ContainsAny(plain, "\r\n") {
			return wrong(variable, "cannot be read; write it as name=value,name=value, values percent-encoded")
		}
		c.header.Set(name, plain)
	}
	return nil
}

func (c *collector) readCompression() error {
	switch how, variable := setting("COMPRESSION"); how {
	case "", "none":
	case "gzip":
		c.compress = true
		c.header.Set("Content-Encoding", "gzip")
	default:
		return wrong(variable, fmt.Sprintf("is %q; use gzip or none", how))
	}
	return nil
}

func (c *collector) readTimeout() error {
	c.timeout = 10 * time.Second
	text, variable := setting("TIMEOUT")
	if text == "" {
		return nil
	}
	ms, err := strconv.ParseUint(text, 10, 31)
	if err != nil || ms == 0 {
		return wrong(variable, "is no number of milliseconds")
	}
	c.timeout = time.Duration(ms) * time.Millisecond
	return nil
}

func (c *collector) readTLS() error {
	c.http = &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		MaxIdleConns: 2, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}
	if name, variable := setting("CERTIFICATE"); name != "" {
		pem, err := regular.Read(name, regular.PEM)
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrVariable, variable, err)
		}
		c.http.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !c.http.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return wrong(variable, "names a file without certificates in PEM")
		}
	}
	cert, variable := setting("CLIENT_CERTIFICATE")
	key, _ := setting("CLIENT_KEY")
	if cert == "" && key == "" {
		return nil
	}
	pair, err := regular.KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("%w: %s and its …_CLIENT_KEY: %w", ErrVariable, variable, err)
	}
	c.http.TLSClientConfig.Certificates = []tls.Certificate{pair}
	return nil
}

// Start implements otlptrace.Client.
func (c *collector) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (c *collector) Stop(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}

const (
	tries     = 4
	firstWait = 500 * time.Millisecond
	mostWait  = 5 * time.Second
)

// UploadTraces implements otlptrace.Client: it sends once, and again where the collector says that it may (OTLP 1.x, "Retryable response
// codes").
func (c *collector) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans}) // on the wire the same as a request to export
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	if c.compress {
		if body, err = squeeze(body); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	wait := firstWait
	for try := 1; ; try++ {
		again, after, err := c.post(ctx, body)
		if err == nil || !again || try == tries {
			return err
		}
		timer := time.NewTimer(min(max(wait, after), mostWait))
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
		wait *= 2
	}
}

// post tries once; its error names the host only: the URL and headers may hold credentials.
func (c *collector) post(ctx context.Context, body []byte) (again bool, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return false, 0, errors.New("the collector's URL cannot be used")
	}
	req.Header = c.header.Clone()
	res, err := c.http.RoundTrip(req)
	if err != nil {
		return true, 0, fmt.Errorf("spans not sent to %s: %w", req.URL.Host, err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection is used again
	switch {
	case res.StatusCode/100 == 2:
		return false, 0, nil
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusBadGateway,
		res.StatusCode == http.StatusServiceUnavailable, res.StatusCode == http.StatusGatewayTimeout:
		again = true
	}
	if seconds, err := strconv.ParseUint(res.Header.Get("Retry-After"), 10, 16); err == nil {
		after = time.Duration(seconds) * time.Second
	}
	return again, after, fmt.Errorf("spans not sent: %s answered %d", req.URL.Host, res.StatusCode)
}

func squeeze(body []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(body)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("compress spans: %w", err)
	}
	return out.Bytes(), nil
}
