package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"signet/admin/setting"
	"signet/config"
	"signet/server"
	"signet/users/federation/federationtest"
)

// TestDoctorLooksAtUpstreamsOfTheDatabase as at those of the configuration, but for those that are disabled.
func TestDoctorLooksAtUpstreamsOfTheDatabase(t *testing.T) {
	work := federationtest.NewOIDC(t, federationtest.OIDCOptions{Name: "Work", Iss: true})
	for _, id := range []string{"work", "wrong", "off", "files"} {
		work.Register("http://localhost:9400/signin/with/" + id + "/callback")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf("server: {internal_listen: %q}\negress: {allow_hosts: [127.0.0.1]}\n", freeAddress(t))
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	c, err := (&app{stderr: os.Stderr, sources: config.Sources{File: file, Data: dir}}).configured()
	if err != nil {
		t.Fatal(err)
	}
	h, err := server.Open(t.Context(), server.Options{Use: server.ForServing, Config: c})
	if err != nil {
		t.Fatal(err)
	}
	for id, secret := range map[string]string{"work": work.ClientSecret, "wrong": "not-the-secret-of-it", "off": "not-the-secret-of-it",
		"files": "not-the-secret-of-it"} {
		u := setting.Upstream{ID: id, Kind: "oidc", Name: id, Issuer: work.Issuer(), ClientID: work.ClientID, Disabled: id == "off"}
		if id == "work" {
			u.GroupsClaim, u.Groups = "groups", map[string]string{"a": "there-is-none"}
		}
		_, kept := h.Settings.CreateUpstream(t.Context(), u, setting.Secrets{ClientSecret: secret})
		err = errors.Join(err, kept)
	}
	if err := errors.Join(err, h.Close()); err != nil {
		t.Fatal(err)
	}
	write(text + fmt.Sprintf("upstreams: [{id: files, kind: oidc, name: F, issuer: %q, client_id: %q, client_secret: %q}]\n",
		work.Issuer(), work.ClientID, work.ClientSecret)) // wins over that of the database

	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"doctor", "--json", "--config", file, "--data", dir}, strings.NewReader(""), &out, &errs)
	var findings []finding
	if err := json.Unmarshal(out.Bytes(), &findings); err != nil {
		t.Fatalf("%d: %s %s", code, out.String(), errs.String())
	}
	var good, bad []string
	for _, f := range findings {
		if list := map[bool]*[]string{true: &good, false: &bad}[f.OK]; strings.HasPrefix(f.About, "upstreams[") {
			*list = append(*list, f.About)
		}
	}
	slices.Sort(bad)
	if want := []string{"upstreams[work].groups", "upstreams[wrong]"}; code != exitFailed || !slices.Equal(bad, want) ||
		!slices.Contains(good, "upstreams[work]") || !slices.Contains(good, "upstreams[files]") || slices.Contains(good, "upstreams[off]") {
		t.Errorf("%d: good %v, bad %v: %+v", code, good, bad, findings)
	}
	if text := out.String() + errs.String(); strings.Contains(text, work.ClientSecret) || strings.Contains(text, "not-the-secret") {
		t.Error("shows a secret")
	}
}

// TestDoctorLooksAtMailOfTheDatabase as at that of the configuration, and says where it is set.
func TestDoctorLooksAtMailOfTheDatabase(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, "server: {internal_listen: %q}\n", freeAddress(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := (&app{stderr: os.Stderr, sources: config.Sources{File: file, Data: dir}}).configured()
	if err != nil {
		t.Fatal(err)
	}
	h, err := server.Open(t.Context(), server.Options{Use: server.ForServing, Config: c})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = h.Settings.ChangeSection(t.Context(), setting.Mail, "not-to-be-shown", func(_ setting.State, next *setting.Section) error {
		next.From, next.Host, next.Username = "id@example.com", "smtp.example.invalid", "id" // a name that never leads anywhere (RFC 2606)
		return nil
	})
	if err := errors.Join(err, h.Close()); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"doctor", "--json", "--config", file, "--data", dir}, strings.NewReader(""), &out, &errs)
	var findings []finding
	if err := json.Unmarshal(out.Bytes(), &findings); err != nil {
		t.Fatalf("%d: %s %s", code, out.String(), errs.String())
	}
	i := slices.IndexFunc(findings, func(f finding) bool { return f.About == "mail" })
	if code != exitFailed || i < 0 || findings[i].OK || !strings.Contains(findings[i].Text, "Settings") {
		t.Errorf("%d: %+v", code, findings)
	}
	if strings.Contains(out.String()+errs.String(), "not-to-be-shown") {
		t.Error("shows a secret")
	}
}
