package tracing_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"signet/internal/tracing"
	"signet/storage"
)

// clean takes the variables of the machine away.
func clean(t *testing.T) {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
}

func TestOnlyTheStandardVariablesTurnItOn(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		on   bool
		says string // of the error; "" = there is none
	}{
		"nothing":          {map[string]string{}, false, ""},
		"an endpoint":      {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, true, ""},
		"one for traces":   {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://c.example/x"}, true, ""},
		"the exporter":     {map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true, ""},
		"none":             {map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c.example"}, false, ""},
		"disabled":         {map[string]string{"OTEL_SDK_DISABLED": "TRUE", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c.example"}, false, ""},
		"another exporter": {map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, false, "OTEL_TRACES_EXPORTER"},
		"no URL":           {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, false, "OTEL_EXPORTER_OTLP_ENDPOINT"},
		"gRPC": {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false,
			"OTEL_EXPORTER_OTLP_PROTOCOL"},
		"headers": {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_HEADERS": "secretword"}, false,
			"OTEL_EXPORTER_OTLP_HEADERS"},
		"a header's name": {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a b=secretword"}, false,
			"OTEL_EXPORTER_OTLP_TRACES_HEADERS"},
		"a header of two lines": {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_HEADERS": "a=secretword%0d%0ab:c"}, false,
			"OTEL_EXPORTER_OTLP_HEADERS"},
		"a time":         {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TIMEOUT": "10s"}, false, "TIMEOUT"},
		"a compression":  {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_COMPRESSION": "zstd"}, false, "COMPRESSION"},
		"a missing file": {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere"}, false, "CERTIFICATE"},
		"a key alone":    {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/nowhere"}, false, "CLIENT_KEY"},
		"resource": {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_RESOURCE_ATTRIBUTES": "not a pair"}, false,
			"OTEL_RESOURCE_ATTRIBUTES"},
	} {
		t.Run(name, func(t *testing.T) {
			clean(t)
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			made, err := tracing.FromEnvironment(t.Context(), "1", slog.New(slog.DiscardHandler))
			if (made != nil) != c.on || (err != nil) != (c.says != "") {
				t.Fatalf("%v, %v", made, err)
			}
			if err != nil && (!errors.Is(err, tracing.ErrVariable) || !strings.Contains(err.Error(), c.says) ||
				strings.Contains(err.Error(), "secretword")) {
				t.Error(err)
			}
			if checked := tracing.Check(); (checked == nil) != (err == nil) && c.says != "OTEL_RESOURCE_ATTRIBUTES" {
				t.Errorf("Check: %v", checked)
			}
		})
	}
}

// collector takes spans, as one of OpenTelemetry would.
type collector struct {
	mu      sync.Mutex
	spans   []*tracepb.Span
	about   map[string]string // the resource
	header  http.Header
	path    string
	answers []int // given first, before 200
	asked   int
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if len(c.answers) > 0 {
		code := c.answers[0]
		c.answers = c.answers[1:]
		w.WriteHeader(code)
		return
	}
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(body)
	}
	raw, _ := io.ReadAll(body)
	var data tracepb.TracesData
	if err := proto.Unmarshal(raw, &data); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.header, c.path, c.about = r.Header, r.URL.Path, map[string]string{}
	for _, resource := range data.ResourceSpans {
		for _, a := range resource.Resource.Attributes {
			c.about[a.Key] = a.Value.GetStringValue()
		}
		for _, s := range resource.ScopeSpans {
			c.spans = append(c.spans, s.Spans...)
		}
	}
}

func TestSpansReachACollector(t *testing.T) {
	for name, c := range map[string]struct {
		answers []int
		env     map[string]string
		arrive  bool
		asked   int
	}{
		"at once":      {nil, nil, true, 1},
		"compressed":   {nil, map[string]string{"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}, true, 1},
		"after a 503":  {[]int{503}, nil, true, 2},
		"not if wrong": {[]int{400, 400}, nil, false, 1},
		"no redirect":  {[]int{307}, nil, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			clean(t)
			got := &collector{answers: c.answers}
			at := httptest.NewServer(got)
			defer at.Close()
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", strings.Replace(at.URL, "//", "//user:word@", 1)+"/base/")
			t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "other=Bearer%20x, tenant=a")
			t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.name=other")
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			made, err := tracing.FromEnvironment(t.Context(), "9.9", slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			_, request := made.Request(t.Context(), http.Header{}, false, time.Now())
			request.End(tracing.Told{Method: "GET", Route: "/x", Status: 200, RequestID: "AAAA"})
			_ = made.Shutdown(t.Context())
			if got.asked != c.asked || len(got.spans) > 0 != c.arrive {
				t.Fatalf("asked %d times, %d spans", got.asked, len(got.spans))
			}
			if !c.arrive {
				return
			}
			if got.path != "/base/v1/traces" || got.header.Get("Other") != "Bearer x" ||
				got.header.Get("Authorization") != "Basic dXNlcjp3b3Jk" || got.header.Get("Tenant") != "a" {
				t.Error(got.path, got.header)
			}
			if got.about["service.version"] != "9.9" || got.about["service.name"] != "other" || got.about["deployment.environment.name"] != "test" {
				t.Error(got.about)
			}
			if got.spans[0].Name != "GET /x" {
				t.Error(got.spans[0])
			}
		})
	}
}

func TestTheCollectorsCertificateIsChecked(t *testing.T) {
	clean(t)
	got := &collector{}
	at := httptest.NewUnstartedServer(got)
	at.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	at.StartTLS()
	defer at.Close()
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: at.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", at.URL+"/exactly")
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "300")
	for _, ca := range []string{"", name} {
		t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", ca)
		made, err := tracing.FromEnvironment(t.Context(), "1", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		_, request := made.Request(t.Context(), http.Header{}, false, time.Now())
		request.End(tracing.Told{})
		_ = made.Shutdown(t.Context())
		if (len(got.spans) > 0) != (ca != "") {
			t.Errorf("with %q: %d spans", ca, len(got.spans))
		}
	}
	if got.path != "/exactly" {
		t.Error(got.path)
	}
}

func TestACollectorThatIsAwayIsSaidOnceAMinute(t *testing.T) {
	clean(t)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	came := make(chan struct{}, 3)
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		came <- struct{}{}
	}))
	defer at.Close()
	var log bytes.Buffer
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:secretword@"+at.Listener.Addr().String())
	made, err := tracing.FromEnvironment(t.Context(), "1", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, request := made.Request(t.Context(), http.Header{}, false, time.Now())
		request.End(tracing.Told{})
		<-came
	}
	_ = made.Shutdown(t.Context()) // waits for what is being sent
	if n := strings.Count(log.String(), "traces are not sent"); n != 1 || strings.Contains(log.String(), "secretword") {
		t.Errorf("%d times: %s", n, log.String())
	}
}

// inMemory is a Tracer whose spans can be looked at.
func inMemory(t *testing.T) (*tracing.Tracer, func() tracetest.SpanStubs) {
	t.Helper()
	clean(t)
	kept := tracetest.NewInMemoryExporter()
	made, err := tracing.New(t.Context(), kept, "1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = made.Shutdown(context.WithoutCancel(t.Context())) })
	return made, func() tracetest.SpanStubs {
		made.Flush(t.Context())
		return kept.GetSpans()
	}
}

const (
	theirTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	theirParent = "00-" + theirTrace + "-00f067aa0ba902b7-01"
)

func TestOnlyProxiesOfOursContinueATrace(t *testing.T) {
	for name, c := range map[string]struct {
		trusted           bool
		header, propagate string
		within, linked    bool
	}{
		"a proxy":              {true, theirParent, "", true, false},
		"a stranger":           {false, theirParent, "", false, true},
		"nonsense":             {true, "00-zz-zz-01", "", false, false},
		"a stranger's":         {false, "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "", false, false},
		"turned off":           {true, theirParent, "none", false, false},
		"turned off, stranger": {false, theirParent, "b3,jaeger", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			made, spans := inMemory(t)
			if c.propagate != "" {
				t.Setenv("OTEL_PROPAGATORS", c.propagate)
				var err error
				kept := tracetest.NewInMemoryExporter()
				if made, err = tracing.New(t.Context(), kept, "1"); err != nil {
					t.Fatal(err)
				}
				spans = func() tracetest.SpanStubs { made.Flush(t.Context()); return kept.GetSpans() }
			}
			_, r := made.Request(t.Context(), http.Header{"Traceparent": {c.header}, "Tracestate": {"a=secretword"}}, c.trusted, time.Now())
			r.End(tracing.Told{Method: "GET", Route: "/"})
			got := spans()[0]
			if (got.SpanContext.TraceID().String() == theirTrace) != c.within || (len(got.Links) == 1) != c.linked {
				t.Errorf("%+v", got)
			}
			if c.linked && got.Links[0].SpanContext.TraceState().String() != "" {
				t.Error("a stranger's state is kept")
			}
		})
	}
}

func TestAStrangerCannotHaveRequestsSampled(t *testing.T) { // nor keep them from being
	clean(t)
	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
	t.Setenv("OTEL_TRACES_SAMPLER_ARG", "0")
	made, err := tracing.New(t.Context(), tracetest.NewInMemoryExporter(), "1")
	if err != nil {
		t.Fatal(err)
	}
	for _, trusted := range []bool{true, false} {
		_, r := made.Request(t.Context(), http.Header{"Traceparent": {theirParent}}, trusted, time.Now())
		if r.Recording() != trusted {
			t.Errorf("trusted %v: sampled %v", trusted, r.Recording())
		}
	}
}

func TestNothingOffTheListLeaves(t *testing.T) {
	made, spans := inMemory(t)
	ctx, r := made.Request(t.Context(), http.Header{}, false, time.Now())
	_, end := tracing.Span(ctx, "GET", "keys.example")
	end(errors.New("secretword"))
	library := trace.SpanFromContext(ctx).TracerProvider().Tracer("library")
	_, span := library.Start(ctx, "Library.Work")
	span.RecordError(errors.New("secretword"))
	span.SetStatus(2, "secretword") // codes.Error is 1: whatever it is, its words stay
	span.End()
	r.End(tracing.Told{Method: "POST", Route: "/r", Status: 500, Error: "server_error", ClientID: "app", GrantType: "refresh_token"})
	var all strings.Builder
	for _, s := range spans() {
		all.WriteString(s.Name + " " + s.Status.Description)
		for _, a := range s.Attributes {
			all.WriteString(" " + string(a.Key) + "=" + a.Value.String())
		}
		if len(s.Events) > 0 {
			t.Error("events leave")
		}
	}
	if strings.Contains(all.String(), "secretword") {
		t.Error(all.String())
	}
	for _, want := range []string{"server.address=keys.example", "Library.Work", "error.type=server_error", "signet.client_id=app",
		"http.response.status_code=500", "signet.grant_type=refresh_token"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no %s in %s", want, all.String())
		}
	}
}

func TestStatementsAreWithinTheSpanThatAsked(t *testing.T) {
	made, spans := inMemory(t)
	ctx, r := made.Request(t.Context(), http.Header{}, false, time.Now())
	ctx, stats := storage.WithStats(ctx)
	r.Statements(ctx, stats)
	inner, end := tracing.Span(ctx, "inner", "")
	stats.Each(inner, "SELECT 1", time.Now(), true)
	end(nil)
	stats.Each(ctx, "UPDATE x", time.Now(), false)
	r.End(tracing.Told{})
	by := map[string]sdktrace.ReadOnlySpan{}
	for _, s := range spans().Snapshots() {
		by[s.Name()] = s
	}
	if by["SELECT"].Parent().SpanID() != by["inner"].SpanContext().SpanID() || by["SELECT"].Status().Code == 0 {
		t.Errorf("%+v", by["SELECT"])
	}
	if by["UPDATE"].Parent().SpanID() != by["inner"].Parent().SpanID() {
		t.Errorf("%+v", by["UPDATE"])
	}
}

func TestWithoutATracerNothingIsMade(t *testing.T) {
	var none *tracing.Tracer
	ctx, r := none.Request(t.Context(), http.Header{}, true, time.Now())
	r.End(tracing.Told{})
	_, end := none.Job(ctx, "x")
	end(nil)
	_, end = tracing.Span(ctx, "x", "")
	end(errors.New("x"))
	none.Flush(ctx)
	if id, _ := r.IDs(); id != "" || r.Recording() || none.Shutdown(ctx) != nil {
		t.Error("something was")
	}
	if n := testing.AllocsPerRun(100, func() {
		ctx, r := none.Request(ctx, nil, true, time.Time{})
		_, end := tracing.Span(ctx, "x", "")
		end(nil)
		r.End(tracing.Told{})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkOff is what a request with five spans pays where tracing is off.
func BenchmarkOff(b *testing.B) {
	var none *tracing.Tracer
	ctx := b.Context()
	for b.Loop() {
		ctx, r := none.Request(ctx, nil, true, time.Time{})
		for range 5 {
			_, end := tracing.Span(ctx, "x", "")
			end(nil)
		}
		r.End(tracing.Told{})
	}
}
