package passkey_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"signet/users/passkey"
	"signet/users/passkey/passkeytest"
)

func TestG07_WhatIsVerified(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ada, eve := w.person(t, "ada@example.org"), w.person(t, "eve@example.org")
		d := w.add(t, ada)
		change := func(f func(d *passkeytest.Device)) string {
			other := *d
			f(&other)
			return other.Get(t, w.ask(t, firefox))
		}
		field := func(answer, name string, change func(b []byte) []byte) string {
			var whole map[string]any
			if err := json.Unmarshal([]byte(answer), &whole); err != nil {
				t.Fatal(err)
			}
			part := whole["response"].(map[string]any)
			raw, err := base64.RawURLEncoding.DecodeString(part[name].(string))
			if err != nil {
				t.Fatal(err)
			}
			part[name] = base64.RawURLEncoding.EncodeToString(change(raw))
			text, _ := json.Marshal(whole)
			return string(text)
		}
		good := func() string { return d.Get(t, w.ask(t, firefox)) }
		flip := func(b []byte) []byte { b[len(b)-1] ^= 1; return b }
		swap := func(from, to string) func(b []byte) []byte {
			return func(b []byte) []byte {
				if !bytes.Contains(b, []byte(from)) {
					t.Errorf("no %q in %s", from, b)
				}
				return bytes.Replace(b, []byte(from), []byte(to), 1)
			}
		}
		for name, answer := range map[string]string{
			"origin":        change(func(d *passkeytest.Device) { d.Site.Origin = "https://id.example.org.evil.example" }),
			"origin's port": change(func(d *passkeytest.Device) { d.Site.Origin = home + ":443" }),
			"origin's case": change(func(d *passkeytest.Device) { d.Site.Origin = "https://ID.example.org" }),
			"http":          change(func(d *passkeytest.Device) { d.Site.Origin = "http://id.example.org" }),
			"rp id":         change(func(d *passkeytest.Device) { d.Site.ID = "example.org" }),
			"no presence":   change(func(d *passkeytest.Device) { d.Bearer.Options.UserNotPresent = true }),
			"no verification": change(func(d *passkeytest.Device) {
				d.Bearer.Options.UserNotVerified = true
			}),
			"handle of another": change(func(d *passkeytest.Device) { d.Bearer.Options.UserHandle = []byte(eve.ID) }),
			"no handle":         change(func(d *passkeytest.Device) { d.Bearer.Options.UserHandle = nil }),
			"unknown":           change(func(d *passkeytest.Device) { d.Key.ID = []byte("0123456789abcdef") }),
			"another key":       change(func(d *passkeytest.Device) { d.Key.Key = passkeytest.New(rpID, home).Key.Key }),
			"signature":         field(good(), "signature", flip),
			"counter":           field(good(), "authenticatorData", flip),
			"type":              field(good(), "clientDataJSON", swap("webauthn.get", "webauthn.create")),
			"cross origin":      field(good(), "clientDataJSON", swap(`"type"`, `"crossOrigin":true,"type"`)),
			"challenge":         field(good(), "clientDataJSON", swap(`"challenge":"`, `"challenge":"A`)),
			"nothing":           "{}", "no JSON": "x", "empty": "", "long": `{"id":"` + strings.Repeat("a", 20<<10) + `"}`,
		} {
			if _, err := w.signIn(t, answer); !errors.Is(err, passkey.ErrWrong) {
				t.Errorf("%s: got %v, want ErrWrong", name, err)
			}
		}
		for name, answer := range map[string]string{ // RFC 8259 section 4
			"client data": field(good(), "clientDataJSON", swap(`"type"`, `"type":"webauthn.get","type"`)),
			"the answer":  `{"type":"public-key",` + strings.TrimPrefix(good(), "{"),
		} {
			if _, err := w.signIn(t, answer); !errors.Is(err, passkey.ErrWrong) || !strings.HasSuffix(err.Error(), ": malformed") {
				t.Errorf("%s has a member twice: got %v", name, err)
			}
		}
		if _, err := w.signIn(t, good()); err != nil {
			t.Errorf("the right one: %v", err)
		}
	})
}
