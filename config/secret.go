package config

import (
	"fmt"
	"io"
	"log/slog"
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
