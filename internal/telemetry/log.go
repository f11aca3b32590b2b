package telemetry

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// LogOptions of NewLogger.
type LogOptions struct {
	Writer io.Writer    // where lines go
	Format string       // "text", "json"; "" or "auto": text on a terminal, JSON otherwise
	Level  slog.Leveler // the least level that is written; nil = info
}

// NewLogger makes the operator's log: structured, with everything that looks like a secret by its name redacted.
func NewLogger(o LogOptions) *slog.Logger {
	opts := &slog.HandlerOptions{Level: o.Level}
	text := o.Format == "text" || o.Format != "json" && terminal(o.Writer)
	if text {
		return slog.New(redactor{slog.NewTextHandler(o.Writer, opts)})
	}
	return slog.New(redactor{slog.NewJSONHandler(o.Writer, opts)})
}

func terminal(w io.Writer) bool {
	if b, ok := w.(*Buffered); ok {
		w = b.out
	}
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Redacted is in the log where a secret would have been.
const Redacted = "[redacted]"

// longest outside text in a log line, in bytes; errors and stacks, which we word ourselves, may be longer.
const (
	longest      = 256
	longestError = 4096
)

// redactor is the last thing before the writer: it looks at names, so that a careless attribute does no harm. It is a
// handler and not a ReplaceAttr function because that slows every line down.
type redactor struct{ next slog.Handler }

func (h redactor) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h redactor) Handle(ctx context.Context, r slog.Record) error {
	clean := true
	r.Attrs(func(a slog.Attr) bool {
		clean = fine(a)
		return clean
	})
	if clean {
		return h.next.Handle(ctx, r)
	}
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(redact(a))
		return true
	})
	return h.next.Handle(ctx, out)
}

func (h redactor) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = redact(a)
	}
	return redactor{h.next.WithAttrs(out)}
}

func (h redactor) WithGroup(name string) slog.Handler { return redactor{h.next.WithGroup(name)} }

// fine tells that the attribute may be written as it is.
func fine(a slog.Attr) bool {
	if secretName(a.Key) {
		return false
	}
	switch a.Value.Kind() {
	case slog.KindString:
		return len(a.Value.String()) <= longest
	case slog.KindGroup, slog.KindLogValuer, slog.KindAny:
		return false // looked into by redact
	}
	return true
}

func redact(a slog.Attr) slog.Attr {
	if secretName(a.Key) {
		return slog.String(a.Key, Redacted)
	}
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindGroup:
		in := v.Group()
		out := make([]slog.Attr, len(in))
		for i, b := range in {
			out[i] = redact(b)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(out...)}
	case slog.KindString:
		return slog.String(a.Key, cut(a.Key, v.String()))
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return slog.String(a.Key, cut("error", err.Error()))
		}
	}
	return slog.Attr{Key: a.Key, Value: v}
}

func cut(key, s string) string {
	limit := longest
	switch key {
	case "error", "stack", "statement", "registered_uris":
		limit = longestError
	}
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}

// secretName knows the names under which secrets and personal data would come.
func secretName(key string) bool {
	switch strings.ToLower(key) {
	case "password", "secret", "client_secret", "token", "access_token", "refresh_token", "id_token", "id_token_hint",
		"subject_token", "code", "code_verifier", "verifier", "assertion", "client_assertion", "cookie", "authorization",
		"email", "e_mail", "login_hint", "query", "raw_query", "form", "body", "state", "nonce", "master_key", "private_key":
		return true
	}
	return false
}

// Buffered is a writer that gathers lines and hands them on each tenth of a second, so that a request does not wait for
// the log. Close (at shutdown) writes what is left.
type Buffered struct {
	out  io.Writer
	mu   sync.Mutex
	buf  *bufio.Writer
	done chan struct{}
	once sync.Once
	wg   sync.WaitGroup
}

const flushEvery = 100 * time.Millisecond

// NewBuffered starts one over out.
func NewBuffered(out io.Writer) *Buffered {
	b := &Buffered{out: out, buf: bufio.NewWriterSize(out, 64<<10), done: make(chan struct{})}
	b.wg.Go(b.run)
	return b
}

func (b *Buffered) run() {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			b.Flush()
		case <-b.done:
			return
		}
	}
}

// Write keeps p until the next flush; a full buffer is handed on at once.
func (b *Buffered) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf.Buffered() > 0 && b.buf.Available() < len(p) {
		_ = b.buf.Flush() // whole lines only
	}
	n, err := b.buf.Write(p)
	if err != nil {
		b.buf.Reset(b.out) // bufio keeps its first error forever; a full disk may be emptied again
	}
	return n, err
}

// Flush hands on what is there.
func (b *Buffered) Flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf.Flush() != nil {
		b.buf.Reset(b.out)
	}
}

// Close flushes and stops; later writes are kept until a Flush.
func (b *Buffered) Close() error {
	b.once.Do(func() { close(b.done) })
	b.wg.Wait()
	b.Flush()
	return nil
}
