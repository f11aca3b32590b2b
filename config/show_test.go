package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestSecretsNeverShowThemselves(t *testing.T) { // rule S04
	type holder struct {
		S Secret
		P *Secret
		D DSN
		I any
	}
	secret := NewSecret("hush-hush")
	h := holder{secret, &secret, NewDSN("postgres://u:hush-hush@h/d?sslpassword=hush-hush"), NewDSN("odd:hush-hush")}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n"+verb+"\n", h, secret)
	}
	fmt.Fprintln(&out, h, []Secret{secret}, fmt.Errorf("because %v", secret))
	data, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(data)
	if data, err = yaml.Marshal(map[string]any{"a": secret, "d": h.D}); err != nil {
		t.Fatal(err)
	}
	out.Write(data)
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("x", "s", secret, "h", h, "d", h.D)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "s", secret, "h", h, "d", h.D)
	if strings.Contains(out.String(), "hush") || strings.Contains(out.String(), fmt.Sprintf("%x", "hush")) {
		t.Errorf("shown:\n%s", out.String())
	}
	if secret.Reveal() != "hush-hush" {
		t.Error("Reveal does not")
	}
}

func TestShowMasksSecretsAndTellsOrigins(t *testing.T) {
	yaml := "clients: [{client_id: shop, client_secret: kS8x-2vQp-77aa-LmNo, access_token_lifetime: 5m}]\n"
	c, err := load(file(yaml), Sources{Environ: []string{"SIGNET_STORAGE_DSN=postgres://u:hush@h/d", "SIGNET_MASTER_KEY=hush"}})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, s := range c.Settings() {
		fmt.Fprintf(&out, "%s = %s (%s)\n", s.Key, s.Text(), s.Origin)
	}
	for _, want := range []string{
		"storage.dsn = postgres://u:xxxxx@h/d (environment SIGNET_STORAGE_DSN)",
		"tokens.refresh_idle = 720h (default)",
		`"client_secret":"[redacted]"`,
		`"access_token_lifetime":"5m"`,
		"(file config.yaml line 1)",
		"(master key) = [redacted] (environment SIGNET_MASTER_KEY)",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("missing %s", want)
		}
	}
	if strings.Contains(out.String(), "hush") || strings.Contains(out.String(), "kS8x") || t.Failed() {
		t.Error(out.String())
	}
}

const sample = "../config.yaml"

func readSample(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// commentedKey is a key of the sample; prose has a space after the #.
var commentedKey = regexp.MustCompile(`(?m)^(\s*)#([a-z_]+:)`)

func TestSampleUncommentedIsTheDefaults(t *testing.T) {
	live := commentedKey.ReplaceAllString(readSample(t), "$1$2")
	c, err := load(file(live), Sources{})
	if err != nil {
		t.Fatal(err)
	}
	want, got := Default().Settings(), c.Settings()
	for i := range want {
		if want[i].Text() != got[i].Text() {
			t.Errorf("%s: the sample says %s, the default is %s", want[i].Key, got[i].Text(), want[i].Text())
		}
		if got[i].Origin == OriginDefault && want[i].Key != "(master key)" {
			t.Errorf("%s: is not in the sample", want[i].Key)
		}
	}
}

func TestSampleAsItIsChangesNothing(t *testing.T) {
	c, err := load(file(readSample(t)), Sources{})
	if err != nil {
		t.Fatal(err)
	}
	if !c.LocalTrial() {
		t.Error("the sample sets the issuer")
	}
	for _, s := range c.Settings() {
		if s.Origin != OriginDefault {
			t.Errorf("%s is set", s.Key)
		}
	}
}

// TestSampleShowsEveryKeyOfLists uncomments the examples.
func TestSampleShowsEveryKeyOfLists(t *testing.T) {
	var live strings.Builder
	for line := range strings.Lines(readSample(t)) {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "#"), ":")
		if line[0] == '#' && slices.Contains([]string{"clients", "upstreams", "resources", "trusted_issuers"}, name) {
			live.WriteString(name + ":\n")
		}
		if strings.HasPrefix(line, "#   - ") || strings.HasPrefix(line, "#     ") {
			live.WriteString(line[1:])
		}
	}
	files := file(live.String())
	for _, secret := range []string{"shop", "google", "facebook", "apple.p8", "work"} {
		files["/run/secrets/"+secret] = "a-long-text-of-many-symbols"
	}
	c, err := load(files, Sources{})
	if err != nil {
		t.Fatalf("%v\n%s", err, live.String())
	}
	if len(c.Clients) != 1 || len(c.Resources) != 1 || len(c.Upstreams) != 4 || len(c.TrustedIssuers) != 1 {
		t.Fatalf("got %d clients, %d resources, %d upstreams, %d trusted issuers", len(c.Clients), len(c.Resources), len(c.Upstreams),
			len(c.TrustedIssuers))
	}
	for _, entry := range []any{c.Clients[0], c.Resources[0], c.Upstreams[0], c.TrustedIssuers[0]} {
		typ := reflect.TypeOf(entry)
		for field := range typ.Fields() {
			if name := field.Tag.Get("yaml"); name != "-" && !strings.Contains(live.String(), name+":") {
				t.Errorf("%s.%s is not in the sample", typ.Name(), name)
			}
		}
	}
}
