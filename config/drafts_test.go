package config

import (
	"strings"
	"testing"
)

// TestDrafts: off takes away what nobody asked for by name, and complains of what somebody did.
func TestDrafts(t *testing.T) {
	c, err := load(file("drafts: off"), Sources{})
	if err != nil || c.ClientDocuments.Mode != DocumentsOff || c.Tokens.StatusLists || c.IDJAG.Accept || c.IDJAG.Issue {
		t.Errorf("off: %+v %+v %v", c.ClientDocuments, c.Tokens, err)
	}
	for _, d := range drafts {
		if d.on(c) {
			t.Errorf("%s is on", d.key)
		}
		if d.on(Default()) && c.Origin(d.key) != originDrafts {
			t.Errorf("%s comes from %s", d.key, c.Origin(d.key))
		}
	}
	if c, err := load(file("drafts: on"), Sources{}); err != nil || c.ClientDocuments.Mode != DocumentsOpen || !c.Tokens.StatusLists {
		t.Errorf("on: %+v %v", c.ClientDocuments, err)
	}
	c, err = load(nil, Sources{Environ: []string{"SIGNET_DRAFTS=off"}})
	if err != nil || c.ClientDocuments.Mode != DocumentsOff {
		t.Errorf("from the environment: %+v %v", c.ClientDocuments, err)
	}
	for text, want := range map[string]string{
		"drafts: off\nid_jag: {issue: true}":                            "id_jag.issue: comes from a draft, and drafts is off",
		"drafts: off\nid_jag: {accept: true}":                           "id_jag.accept: comes from a draft, and drafts is off",
		"drafts: off\nclient_documents: {mode: open}":                   "client_documents.mode: comes from a draft, and drafts is off",
		"drafts: off\nclient_documents: {mode: hosts, hosts: [a.test]}": "client_documents.mode: comes from a draft, and drafts is off",
		"drafts: off\ntokens: {status_lists: true}":                     "tokens.status_lists: comes from a draft, and drafts is off",
		"drafts: maybe": `drafts: "maybe" is none of on, off`,
		"drafts: off\nclient_documents: {mode: off}": "",
		"drafts: off\ntokens: {status_lists: false}": "",
	} {
		if _, err := load(file(text), Sources{}); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	seed := func(string) ([]byte, error) { return []byte("drafts: off\n"), nil }
	seeded, err := LoadSeed(Sources{Listen: "127.0.0.1:0", File: "s.yaml", ReadFile: seed})
	if err != nil || seeded.ClientDocuments.Mode != DocumentsOff {
		t.Errorf("a test server: %+v %v", seeded.ClientDocuments, err)
	}
}
