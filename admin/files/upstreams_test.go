package files_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"signet/admin"
	"signet/admin/files"
	"signet/admin/setting"
	"signet/admin/thing"
	"signet/server/servertest"
)

const providers = `{"upstreams":[{"id":"work","kind":"oidc","name":"Work","issuer":"https://work.example","client_id":"c",` +
	`"client_secret":"env:WORK","domains":["b.example","a.example"]}]}`

// TestUpstreamsInFiles: made with a secret that is found elsewhere, changed, left where somebody changed them by hand, deleted; and the
// same on another server.
func TestUpstreamsInFiles(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := newSite(t, engine)
		ctx := t.Context()
		secret := "first"
		with := func(o *files.Options) {
			o.Secret = func(where string) (string, error) {
				if where != "env:WORK" {
					t.Errorf("looked for at %s", where)
				}
				return secret, nil
			}
		}
		s.same(s.apply(providers, with), "add upstreams work client_secret")
		s.same(told(s.plan(providers, with)))
		kept := func() setting.Kept {
			t.Helper()
			k, err := s.Services().Settings.Kept(ctx, "work")
			s.ok(err)
			return k
		}
		if k := kept(); k.Secrets.ClientSecret != "first" || k.Domains[0] != "a.example" {
			t.Fatalf("kept %+v", k.Upstream)
		}
		secret = "second"
		s.same(s.apply(providers, with), "change upstreams work client_secret")
		if k := kept(); k.Secrets.ClientSecret != "second" {
			t.Error("the secret is not the new one")
		}
		byHand := root()
		_, err := s.Acts.ChangeUpstream(ctx, byHand, "work", "", setting.Secrets{ClientSecret: "by hand"}, func(u *setting.Upstream) error {
			u.Hidden = true
			return nil
		})
		s.ok(err)
		s.same(told(s.plan(providers, with)), "drift upstreams work !hidden !client_secret")
		byHand.ByHand = true
		if err := s.Acts.DeleteUpstream(ctx, byHand, "work", ""); !errors.Is(err, admin.ErrConflict) {
			t.Errorf("what files keep was deleted by hand: %v", err)
		}
		all := document(t, s.export())
		if strings.Contains(all, "second") || strings.Contains(all, "by hand") {
			t.Error("the export has a secret")
		}
		other := newSite(t, engine)
		other.apply(all)
		if again := document(t, other.export()); again != all {
			t.Errorf("elsewhere it is\n%s\nand was\n%s", again, all)
		}
		prune := func(o *files.Options) { o.Prune, o.Override = true, true }
		s.same(s.apply(`{"upstreams":[],"groups":[{"name":"staff"}]}`, prune), "add groups staff", "delete upstreams work")
	})
}

// TestUpstreamsOfFilesAreHeld: what was planned on another state is not done, whose secret is in a file is not read, and files of who has
// less than every permission set up none.
func TestUpstreamsOfFilesAreHeld(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	bare := strings.Replace(providers, `"client_secret":"env:WORK",`, "", 1)
	for _, wrong := range []string{"secret", "new:x", "env:"} {
		if err := new(files.Set).Read([]byte(strings.Replace(providers, "env:WORK", wrong, 1))); err == nil ||
			!strings.Contains(err.Error(), "client_secret") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.ok(err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	s.ok(err)
	apple := `{"upstreams":[{"id":"a","kind":"apple","client_id":"c","team_id":"TEAM123456","key_id":"KEY1234567","private_key":"env:KEY"}]}`
	s.same(told(s.plan(apple, func(o *files.Options) {
		o.Secret = func(string) (string, error) {
			return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
		}
	})), "add upstreams a private_key")

	s.apply(bare)
	gone := s.plan(`{"upstreams":[],"groups":[{"name":"staff"}]}`, func(o *files.Options) { o.Prune = true })
	next := s.plan(strings.Replace(bare, `"Work"`, `"Works"`, 1))
	_, err = s.Acts.ChangeUpstream(ctx, root(), "work", "", setting.Secrets{}, func(u *setting.Upstream) error {
		u.ClientID = "d"
		return nil
	})
	s.ok(err)
	for _, p := range []*files.Plan{gone, next} {
		if err := p.Apply(ctx, s.Local, func(files.Step) {}); !errors.Is(err, admin.ErrChanged) {
			t.Errorf("got %v", err)
		}
	}
	less := root()
	delete(less.Holds, admin.PeopleErase)
	for _, after := range []string{`{"id":"mine","kind":"oidc","name":"M","issuer":"https://m.example","client_id":"c"}`, "null"} {
		step := thing.Step{Kind: thing.Upstreams, Key: "mine", Owner: "o", After: json.RawMessage(after), Applied: json.RawMessage(after)}
		if after == "null" {
			step.Key, step.Before = "work", json.RawMessage(`{"id":"work","kind":"oidc","client_id":"c"}`)
		}
		for _, err := range []error{s.Acts.CheckStep(ctx, less, step), s.Acts.Apply(ctx, less, step)} {
			if !errors.Is(err, admin.ErrRefused) {
				t.Errorf("with one permission less: %v", err)
			}
		}
	}
}

// TestFiles_AnotherProviderGetsTheSecretOfTheFiles: the secret that the provider before had does not stay, so the one of the files is sent
// though it is the same, for upstreams and for mail; where files have none, what moves is refused and not left without.
func TestFiles_AnotherProviderGetsTheSecretOfTheFiles(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := newSite(t, engine)
		ctx := t.Context()
		s.apply(providers)
		moved := strings.Replace(providers, "https://work.example", "https://moved.example", 1)
		s.same(s.apply(moved), "change upstreams work issuer client_secret")
		s.same(told(s.plan(moved)))
		want, _ := options().Secret("env:WORK")
		kept, err := s.Services().Settings.Kept(ctx, "work")
		if err != nil || kept.Secrets.ClientSecret != want {
			t.Errorf("another issuer: %+v, %v", kept.Upstream, err)
		}
		bare := strings.Replace(providers, `"client_secret":"env:WORK",`, "", 1)
		if p, err := files.Make(ctx, s.Local, read(t, bare), options()); err == nil || !strings.Contains(err.Error(), "client_secret") {
			t.Errorf("moved without a secret: planned %v, %v", p, err)
		}

		s.apply(looks)
		port := strings.Replace(looks, `"username"`, `"port":2525,"username"`, 1)
		s.same(s.apply(port), "change settings mail port password")
		s.same(told(s.plan(port)), "delete upstreams work")
		want, _ = options().Secret("env:MAIL")
		if mail, err := s.Services().Settings.KeptSection(ctx, setting.Mail); err != nil || mail.Password != want || mail.Port != 2525 {
			t.Errorf("another port: %+v, %v", mail.Section, err)
		}
	})
}
