package config

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
)

// redacted is what is shown for a secret that is set.
const redacted = "[redacted]"

// Secret is a text that never shows itself: every way of printing, logging or encoding it says [redacted]. Reveal is the
// only way out, so that its uses can be found.
type Secret struct{ text string }

// NewSecret keeps text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return s.text }

// Empty tells that there is none.
func (s Secret) Empty() bool { return s.text == "" }

// String says [redacted], or nothing when there is no secret.
func (s Secret) String() string {
	if s.text == "" {
		return ""
	}
	return redacted
}

// GoString is String, for %#v.
func (s Secret) GoString() string { return s.String() }

// Format is String for every verb; without it %d would print the field.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is String, for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String, for JSON and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML is String.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// DSN is a database address: shown without its password.
type DSN struct{ text string }

// NewDSN keeps text.
func NewDSN(text string) DSN { return DSN{text} }

// Reveal returns the address itself, password included.
func (d DSN) Reveal() string { return d.text }

// Postgres tells the engine apart.
func (d DSN) Postgres() bool {
	return strings.HasPrefix(d.text, "postgres://") || strings.HasPrefix(d.text, "postgresql://")
}

// SQLitePath is the file of a SQLite address; "" if it is another one or in memory.
func (d DSN) SQLitePath() string {
	path, ok := strings.CutPrefix(d.text, "sqlite:")
	if !ok || path == ":memory:" {
		return ""
	}
	return path
}

// String is the address with the passwords masked.
func (d DSN) String() string {
	if !d.Postgres() {
		if strings.HasPrefix(d.text, "sqlite:") || d.text == "" {
			return d.text
		}
		return redacted // of no known form: it may hold anything
	}
	u, err := url.Parse(d.text)
	if err != nil {
		return "postgres://" + redacted
	}
	q := u.Query()
	for name := range q {
		if strings.Contains(strings.ToLower(name), "password") {
			q.Set(name, "xxxxx")
		}
	}
	u.RawQuery = q.Encode()
	return u.Redacted()
}

// GoString is String, for %#v.
func (d DSN) GoString() string { return d.String() }

// Format is String for every verb.
func (d DSN) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// LogValue is String, for slog.
func (d DSN) LogValue() slog.Value { return slog.StringValue(d.String()) }

// MarshalText is String, for JSON and the like.
func (d DSN) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// MarshalYAML is String.
func (d DSN) MarshalYAML() (any, error) { return d.String(), nil }
