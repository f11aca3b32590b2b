package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

type hidden struct{}

func (hidden) LogValue() slog.Value { return slog.GroupValue(slog.String("password", "s3cret")) }

func TestSecretsAreRedactedByName(t *testing.T) { // T01
	var out bytes.Buffer
	log := NewLogger(LogOptions{Writer: &out})
	long := strings.Repeat("ä", 400)
	log.With("token", "s3cret").WithGroup("g").Info("m", "Password", "s3cret", "client_secret", []byte("s3cret"), "fine", "kept",
		slog.Group("form", "x", "s3cret"), slog.Group("inner", "code", "s3cret", "n", 1), "v", hidden{}, "agent", long, "error", errors.New(long))
	if strings.Contains(out.String(), "s3cret") || !strings.Contains(out.String(), "kept") {
		t.Errorf("got %s", out.String())
	}
	var line struct {
		Token string
		G     struct {
			Agent, Error string
			Inner        struct{ N int }
		}
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line.Token != Redacted || line.G.Inner.N != 1 || len(line.G.Agent) > 260 || line.G.Error != long ||
		!strings.HasSuffix(line.G.Agent, "ä…") {
		t.Errorf("got %+v", line)
	}
}

func TestFormats(t *testing.T) {
	for format, want := range map[string]string{"json": `"msg":"hello"`, "text": "msg=hello", "": `"msg":"hello"`, "auto": `"msg":"hello"`} {
		var out bytes.Buffer
		log := NewLogger(LogOptions{Writer: &out, Format: format, Level: slog.LevelWarn})
		log.Info("unheard")
		log.Warn("hello")
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "unheard") {
			t.Errorf("%s: got %s", format, out.String())
		}
	}
}

type eventCtx struct {
	context.Context
	e Event
}

func (c *eventCtx) Value(k any) any {
	if k == (EventKey{}) {
		return &c.e
	}
	return c.Context.Value(k)
}

func TestEventKeepsTheLastOfAKeyAndDropsLateOnes(t *testing.T) {
	ctx := &eventCtx{Context: t.Context()}
	Add(t.Context(), slog.Int("nobody", 1)) // no event: nothing happens
	for i := range 12 {
		Add(ctx, slog.Int(string(rune('a'+i)), i))
	}
	Add(ctx, slog.Int("a", 100), slog.Int("l", 111))
	var rec slog.Record
	ctx.e.Take(&rec)
	Add(ctx, slog.Int("late", 1))
	got := map[string]int64{}
	rec.Attrs(func(a slog.Attr) bool { got[a.Key] = a.Value.Int64(); return true })
	if len(got) != 12 || got["a"] != 100 || got["l"] != 111 || got["b"] != 1 {
		t.Errorf("got %v", got)
	}
}

func TestBufferedWriterHandsOnInTimeAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := new(lockedBuffer)
		b := NewBuffered(out)
		_, _ = b.Write([]byte("one\n"))
		if out.String() != "" {
			t.Error("written at once")
		}
		time.Sleep(150 * time.Millisecond)
		synctest.Wait()
		if out.String() != "one\n" {
			t.Errorf("after 150 ms: %q", out.String())
		}
		_, _ = b.Write([]byte("two\n"))
		_ = b.Close()
		_ = b.Close()
		if out.String() != "one\ntwo\n" {
			t.Errorf("at the end: %q", out.String())
		}
	})
}

type failingWriter struct{ n int }

func (f *failingWriter) Write(p []byte) (int, error) {
	f.n++
	if f.n == 1 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestBufferedWriterRecovers(t *testing.T) {
	f := new(failingWriter)
	b := NewBuffered(f)
	defer b.Close()
	_, _ = b.Write([]byte("lost\n"))
	b.Flush()
	_, _ = b.Write([]byte("kept\n"))
	b.Flush()
	if f.n != 2 {
		t.Errorf("writes: got %d, want 2", f.n)
	}
}

func TestMetricsKeepLabelsInTheirLists(t *testing.T) {
	m := NewMetrics()
	rt := m.Route("POST /oauth2/token")
	rt.Observe(200, time.Millisecond)
	rt.Observe(999, time.Millisecond)
	m.RequestObserved("GET /x", 503, time.Second)
	m.TokenIssued("refresh_token")
	m.SignIn("password", "success")
	m.SignIn("password", "ada@example.org")
	m.Throttled("signin")
	m.DatabaseUp(true)
	m.RefreshReuse()
	m.CodeReplay()
	m.JanitorDeleted("grants", 7)
	m.JobRan("sweep", "success", time.Second)
	m.KeyAge("ES256", time.Hour)
	m.InFlight(3)
	m.RequestRefused()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	body := w.Body.String()
	for _, want := range []string{
		`signet_http_request_duration_seconds_count{method="POST",pattern="/oauth2/token",status="2xx"} 1`,
		`signet_http_request_duration_seconds_count{method="POST",pattern="/oauth2/token",status="other"} 1`,
		`signet_http_request_duration_seconds_count{method="GET",pattern="/x",status="5xx"} 1`,
		`signet_tokens_issued_total{grant="refresh_token"} 1`,
		`signet_sign_ins_total{method="password",outcome="success"} 1`, `signet_sign_ins_total{method="password",outcome="other"} 1`,
		`signet_throttled_total{what="signin"} 1`, "signet_database_up 1", "signet_refresh_reuse_total 1", "signet_code_replay_total 1",
		`signet_janitor_rows_total{table="grants"} 7`, `signet_job_runs_total{job="sweep",outcome="success"} 1`,
		`signet_signing_key_age_seconds{alg="ES256"} 3600`, "signet_http_requests_in_flight 3", "signet_http_requests_refused_total 1",
		"go_goroutines",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(body, "evil") || strings.Contains(body, "ada@") {
		t.Error("a label from outside")
	}
}

func BenchmarkWideEvent(b *testing.B) {
	out := NewBuffered(io.Discard)
	defer out.Close()
	h := NewLogger(LogOptions{Writer: out, Format: "json"}).Handler()
	b.ReportAllocs()
	for b.Loop() {
		rec := slog.NewRecord(time.Now(), slog.LevelInfo, "request", 0)
		rec.AddAttrs(slog.String("method", "POST"), slog.String("pattern", "/oauth2/token"), slog.Int("status", 200), Micros("took_us", 123456),
			slog.String("request_id", "7F3K-92QD-MX"), slog.String("client_id", "shop"), slog.String("grant", "client_credentials"))
		_ = h.Handle(b.Context(), rec)
	}
}
