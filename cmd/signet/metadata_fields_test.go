package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"signet/clients"
	"signet/oauth/mtls/mtlstest"
)

// withoutFlag are the members of a registration that no flag sets, and why.
var withoutFlag = map[string]string{
	"admin_tools":   "`client allow-admin` says it",
	"client_secret": "Signet makes it", "document_hash": "of metadata documents: Signet reads them",
}

// samples are the words that flags take which stand for more than one text.
var samples = map[string]string{
	"federated-credential": "issuer=https://platform.example,subject=s", "ciba-ping": "https://app.example/ping",
	"ciba-push":       "https://app.example/push",
	"localized":       "client_name#de=Laden",
	"map-claim":       "claim=department,from=metadata.department",
	"exchange-id-jag": "audience=https://chat.example,client_id=shop",
}

// TestEveryMemberOfARegistrationHasAFlag, whatever the admin API can set: each flag of create and update is tried, and what it changes is
// compared with what there is.
func TestEveryMemberOfARegistrationHasAFlag(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"jwks":        `{"keys": [{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`,
		"certificate": string(mtlstest.SelfSigned(t, "own").PEM()),
	}
	for flag, text := range files {
		samples[flag] = filepath.Join(dir, flag)
		if err := os.WriteFile(samples[flag], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, verb := range []string{"create", "update"} {
		set := map[string]bool{}
		for _, name := range flagNames() {
			if name == "metadata" || verb == "update" && name == "id" {
				continue
			}
			var words metadataFlags
			var cmd cobra.Command
			words.flags(&cmd)
			flag := cmd.Flag(name)
			if err := cmd.Flags().Set(name, sampleOf(flag)); err != nil {
				t.Fatalf("--%s %s: %v", name, sampleOf(flag), err)
			}
			var m clients.Metadata
			if err := words.apply(&app{}, &cmd, &m); err != nil {
				t.Fatalf("--%s: %v", name, err)
			}
			before := len(set)
			members(t, m, set)
			same := []string{"public", "device", "native", "ciba", "ciba-push", "auth-method", "grant-type", "jwks"}
			if len(set) == before && !slices.Contains(same, name) &&
				!strings.HasPrefix(name, "tls-") && !strings.HasPrefix(name, "certificate") && name != "federated-credential" {
				t.Errorf("--%s sets nothing that another flag does not set", name)
			}
		}
		for name := range jsonNames(reflect.TypeFor[clients.Metadata]()) {
			if reason := withoutFlag[name]; reason == "" && !set[name] && (verb == "create" || name != "client_id") {
				t.Errorf("no flag of `client %s` sets %s: add it to fields", verb, name)
			} else if reason != "" && set[name] {
				t.Errorf("%s has a flag: take it off withoutFlag", name)
			}
		}
		for name := range jsonNames(reflect.TypeFor[clients.Exchange]()) {
			if !set["exchange."+name] {
				t.Errorf("no flag of `client %s` sets %s of the exchange policy", verb, name)
			}
		}
	}
}

// TestFieldsComeAndGo: what a flag sets is shown, stays where others are changed, and an empty word takes it away.
func TestFieldsComeAndGo(t *testing.T) {
	for _, f := range fields {
		var from, m clients.Metadata
		var cmd cobra.Command
		fieldFlags(&cmd, &from)
		if err := cmd.Flags().Set(f.flag, sampleOf(cmd.Flag(f.flag))); err != nil {
			t.Fatal(err)
		}
		applyFields(&cmd, &from, &m)
		var out strings.Builder
		writeFields(&out, m)
		if strings.Count(out.String(), "\n") != 1 || !strings.HasPrefix(out.String(), strings.ReplaceAll(f.flag, "-", " ")) {
			t.Errorf("--%s is shown as %q", f.flag, out.String())
		}
		var other, gone clients.Metadata
		var nothing, empty cobra.Command
		fieldFlags(&nothing, &other)
		if applyFields(&nothing, &other, &m); reflect.ValueOf(f.of(&m)).Elem().IsZero() {
			t.Errorf("--%s is forgotten by the next change", f.flag)
		}
		fieldFlags(&empty, &gone)
		word := map[string]string{"bool": "false", "int64": "0"}[empty.Flag(f.flag).Value.Type()]
		if err := empty.Flags().Set(f.flag, word); err != nil {
			t.Fatal(err)
		}
		if applyFields(&empty, &gone, &m); len(fmt.Sprint(reflect.ValueOf(f.of(&m)).Elem())) > len("false") {
			t.Errorf("--%s %q leaves %v", f.flag, word, reflect.ValueOf(f.of(&m)).Elem())
		}
	}
}

func flagNames() (names []string) {
	var words metadataFlags
	var cmd cobra.Command
	words.flags(&cmd)
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

func sampleOf(f *pflag.Flag) string {
	if s := samples[f.Name]; s != "" {
		return s
	}
	switch f.Value.Type() {
	case "bool":
		return "true"
	case "int64":
		return "7"
	case "duration":
		return "5m"
	}
	return "sample"
}

// members adds the names of what is set, of the policy of token exchange by name and member.
func members(t *testing.T, m clients.Metadata, to map[string]bool) {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for name, value := range all {
		if string(value) != `""` {
			to[name] = true
		}
		var inner map[string]json.RawMessage
		if name == "exchange" && json.Unmarshal(value, &inner) == nil {
			for member, value := range inner {
				if string(value) != "null" {
					to[name+"."+member] = true
				}
			}
		}
	}
}

func jsonNames(of reflect.Type) map[string]bool {
	names := map[string]bool{}
	for member := range of.Fields() {
		name, _, _ := strings.Cut(member.Tag.Get("json"), ",")
		names[name] = true
	}
	return names
}
