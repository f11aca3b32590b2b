package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signet/users/federation/federationtest"
)

func TestDoctorLooksAtEachUpstream(t *testing.T) {
	google, facebook := federationtest.NewGoogle(t), federationtest.NewFacebook(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	examine := func(facebookSecret, more string) (code int, findings []finding) {
		t.Helper()
		yaml := fmt.Sprintf("server: {internal_listen: %q}\negress: {allow_hosts: [127.0.0.1]}\nupstreams:\n"+
			"  - {id: google, kind: google, issuer: %q, client_id: %s, client_secret: %s%s}\n  - {id: fb, kind: facebook, issuer: %q, client_id: "+
			"%q, client_secret: %s}\n",
			freeAddress(t), google.Issuer(), google.ClientID, google.ClientSecret, more, facebook.URL, facebook.ClientID, facebookSecret)
		if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		code = run(t.Context(), []string{"doctor", "--json", "--config", file, "--data", dir}, strings.NewReader(""), &out, &errs)
		if err := json.Unmarshal(out.Bytes(), &findings); err != nil {
			t.Fatalf("%d: %s %s", code, out.String(), errs.String())
		}
		if strings.Contains(out.String()+errs.String(), google.ClientSecret) ||
			strings.Contains(out.String()+errs.String(), facebook.ClientSecret) {
			t.Error("shows a secret")
		}
		return code, findings
	}
	bad := func(findings []finding) (about []string) {
		for _, f := range findings {
			if !f.OK {
				about = append(about, f.About)
			}
		}
		return about
	}
	google.Register("http://localhost:9400/signin/with/google/callback")
	code, findings := examine(facebook.ClientSecret, "")
	if code != exitOK || len(bad(findings)) != 0 {
		t.Errorf("%d: %+v", code, findings)
	}
	text := fmt.Sprint(findings)
	for _, callback := range []string{"http://localhost:9400/signin/with/google/callback", "http://localhost:9400/signin/with/fb/callback"} {
		if !strings.Contains(text, callback) {
			t.Errorf("does not tell to register %s: %s", callback, text)
		}
	}
	if code, findings = examine("wrong", ""); code != exitFailed || strings.Join(bad(findings), " ") != "upstreams[fb]" {
		t.Errorf("a wrong secret: %d, %+v", code, findings)
	}
	google.Down(true)
	if code, findings = examine(facebook.ClientSecret, ""); code != exitFailed || strings.Join(bad(findings), " ") != "upstreams[google]" {
		t.Errorf("down: %d, %+v", code, findings)
	}
	google.Down(false)
	if code := run(t.Context(), []string{"migrate", "up", "--config", file, "--data", dir}, strings.NewReader(""), new(bytes.Buffer),
		os.Stderr); code != exitOK {
		t.Fatal(code)
	}
	if code, findings = examine(facebook.ClientSecret, ", groups_claim: groups, groups: {a: there-is-none}"); code != exitFailed ||
		strings.Join(bad(findings), " ") != "upstreams[google].groups" {
		t.Errorf("a group that is not there: %d, %+v", code, findings)
	}
}

func TestDoctorKnowsWhatConsolesRefuse(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	yaml := "server: {issuer: http://127.0.0.1:9400}\nupstreams: [{id: fb, kind: facebook, client_id: '1', client_secret: " +
		"fb-secret-of-a-test}]\n"
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	code := run(t.Context(), []string{"doctor", "--timeout", "1ms", "--config", file, "--data", dir}, strings.NewReader(""), &out,
		new(bytes.Buffer))
	if code != exitFailed || !strings.Contains(out.String(), "for localhost only") {
		t.Errorf("%d: %s", code, out.String())
	}
}
