package files_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"signet/admin"
	"signet/admin/files"
	"signet/admin/thing"
	"signet/audit/webhook"
	"signet/server/servertest"
)

const hooks = `{"webhooks":[{"id":"siem","url":"https://siem.example/in","events":["user.","client."]}]}`

// TestWebhooksInFiles: made, changed, stopped, left where somebody changed them by hand, and deleted, and the same on another server.
func TestWebhooksInFiles(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := newSite(t, engine)
		ctx := t.Context()
		s.same(s.apply(hooks), "add webhooks siem")
		s.same(told(s.plan(hooks)))
		made, err := s.Acts.Webhook(ctx, root(), "siem")
		s.ok(err)
		if made.URL != "https://siem.example/in" || strings.Join(made.Events, " ") != "client. user." || made.Disabled {
			t.Fatalf("made %+v", made)
		}
		stopped := strings.Replace(hooks, `"events"`, `"disabled":true,"description":"The SIEM","events"`, 1)
		s.same(s.apply(stopped), "change webhooks siem description disabled")
		if made, err = s.Acts.Webhook(ctx, root(), "siem"); err != nil || !made.Disabled || made.Description != "The SIEM" {
			t.Fatalf("changed to %+v, %v", made, err)
		}
		s.ok(s.Acts.SetWebhookDisabled(ctx, root(), "siem", false))
		s.same(told(s.plan(stopped)), "drift webhooks siem !disabled")

		all := document(t, s.export())
		other := newSite(t, engine)
		other.apply(all)
		if again := document(t, other.export()); again != all {
			t.Errorf("elsewhere it is\n%s\nand was\n%s", again, all)
		}

		s.same(s.apply(`{"webhooks":[],"groups":[{"name":"staff"}]}`, func(o *files.Options) { o.Prune, o.Override = true, true }),
			"add groups staff", "delete webhooks siem")
		if _, err := s.Acts.Webhook(ctx, root(), "siem"); !errors.Is(err, admin.ErrNotFound) {
			t.Errorf("after it was deleted: %v", err)
		}
	})
}

// TestWebhooksOfFilesAreHeld: what was planned on another state is not done, by however many at once.
func TestWebhooksOfFilesAreHeld(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := newSite(t, engine)
		ctx := t.Context()
		s.apply(hooks)
		gone := s.plan(`{"webhooks":[],"groups":[{"name":"staff"}]}`, func(o *files.Options) { o.Prune = true })
		next := s.plan(strings.Replace(hooks, "client.", "grant.", 1))
		_, err := s.Acts.ChangeWebhook(ctx, root(), "siem", "*", func(w *webhook.Webhook) { w.URL = "https://other.example/in" })
		s.ok(err)
		for _, p := range []*files.Plan{gone, next} {
			if err := p.Apply(ctx, s.Local, func(files.Step) {}); !errors.Is(err, admin.ErrChanged) {
				t.Errorf("got %v", err)
			}
		}
		over := func(o *files.Options) { o.Override = true }
		s.apply(hooks, over)
		var plans []*files.Plan
		for i := range 4 {
			plans = append(plans, s.plan(strings.Replace(hooks, "/in", fmt.Sprintf("/in/%d", i), 1)))
		}
		var wg sync.WaitGroup
		errs := make([]error, len(plans))
		for i, p := range plans {
			wg.Go(func() { errs[i] = p.Apply(ctx, s.Local, func(files.Step) {}) })
		}
		wg.Wait()
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
			} else if !errors.Is(err, admin.ErrChanged) {
				t.Error(err)
			}
		}
		if done != 1 {
			t.Errorf("%d of %d plans on one state were carried out", done, len(plans))
		}
	})
}

// TestWebhooksOfFilesNeedTheirPermissions: who may not manage webhooks, or not read events in bulk, applies the rest, and sees none.
func TestWebhooksOfFilesNeedTheirPermissions(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	s.apply(hooks)
	held := func(more ...admin.Permission) files.Local {
		return files.Local{Acts: s.Acts, Actor: admin.Actor{Kind: admin.KindPerson, ID: "x", Holds: admin.SetOf(append(more, admin.ApplyFiles,
			admin.ClientsRead, admin.PeopleRead, admin.GroupsWrite)...)}}
	}
	few := held()
	set, err := files.Export(ctx, few.Source())
	s.ok(err)
	if text := document(t, set); strings.Contains(text, "siem") {
		t.Errorf("exported %s", text)
	}
	p, err := files.Make(ctx, few, read(t, `{"groups":[{"name":"staff"}]}`), options())
	s.ok(err)
	s.ok(p.Apply(ctx, few, func(files.Step) {}))
	for _, l := range []files.Local{few, held(admin.WebhooksWrite)} {
		p, err := files.Make(ctx, l, read(t, strings.Replace(hooks, "/in", "/mine", 1)), options())
		if err == nil {
			err = p.Apply(ctx, l, func(files.Step) {})
		}
		if err == nil {
			t.Error("an address of theirs hears everything")
		}
	}
	for text, want := range map[string]string{
		`{"webhooks":[{"id":"a b","url":"https://x.example","events":["*"]}]}`:            "a b",
		`{"webhooks":[{"id":"a","url":"https://x.example","events":["*"],"secret":"x"}]}`: "does not belong into files",
		`{"webhooks":[{"url":"https://x.example","events":["*"]}]}`:                       "",
	} {
		if err := new(files.Set).Read([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{`{"webhooks":[{"id":"a","url":"http://x.example","events":["*"]}]}`,
		`{"webhooks":[{"id":"a","url":"https://169.254.169.254/","events":["nothing."]}]}`} {
		if _, err := files.Make(ctx, s.Local, read(t, text), options()); !errors.Is(err, admin.ErrInvalid) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestSecretsOfWebhooksByReference: a secret is where the files say; another one is set, one that was rotated by hand stays.
func TestSecretsOfWebhooksByReference(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := newSite(t, engine)
		ctx := t.Context()
		whsec := func(of string) string {
			return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(of, 32)))
		}
		secret := whsec("a")
		with := func(o *files.Options) { o.Secret = func(string) (string, error) { return secret, nil } }
		said := strings.Replace(hooks, `"events"`, `"secret":"env:SIEM","events"`, 1)
		signs := func(text string) {
			t.Helper()
			state, err := s.Acts.WebhookSecretState(ctx, root(), "siem", text)
			s.ok(err)
			if !state.Valid {
				t.Error("another secret signs")
			}
		}
		s.same(s.apply(said, with), "add webhooks siem secret")
		signs(secret)
		s.same(told(s.plan(said, with)))
		secret = whsec("b")
		s.same(s.apply(said, with), "change webhooks siem secret")
		signs(secret)
		if all := document(t, s.export()); strings.Contains(all, "whsec") || strings.Contains(all, "secret") {
			t.Errorf("exported was %s", all)
		}
		byHand, err := s.Acts.RotateWebhookSecret(ctx, root(), "siem")
		s.ok(err)
		s.same(told(s.plan(said, with)), "drift webhooks siem !secret")
		signs(byHand)
		s.same(s.apply(said, with, func(o *files.Options) { o.Override = true }), "change webhooks siem secret")
		signs(secret)
		secret = "short"
		if _, err := files.Make(ctx, s.Local, read(s.T, said), options(with)); err == nil {
			t.Error("a secret that is none was planned")
		}
	})
}

// TestFilesForgetOnlyWhatIsGone: a step with neither before nor after is for a thing that is not there.
func TestFilesForgetOnlyWhatIsGone(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := newSite(t, engine)
		ctx := t.Context()
		s.apply(`{"clients":[{"client_id":"shop","redirect_uris":["https://shop.example/cb"]}],"resources":[{"identifier":"https://a.example"}],
			"groups":[{"name":"staff"}],"roles":[{"name":"reader","permissions":["people:read"]}],
			"webhooks":[{"id":"siem","url":"https://siem.example/in","events":["user."]}],
			"upstreams":[{"id":"fb","kind":"facebook","client_id":"c","client_secret":"env:FB"}],
			"settings":[{"id":"branding","name":"Acme"}]}`,
			func(o *files.Options) { o.Secret = func(string) (string, error) { return "x", nil } })
		page, err := s.Acts.Managed(ctx, root(), admin.Ask{})
		s.ok(err)
		if len(page.Items) != len(thing.Kinds()) {
			t.Fatalf("managed are %v", page.Items)
		}
		for _, m := range page.Items {
			err := s.Acts.Apply(ctx, root(), thing.Step{Kind: m.Kind, Key: m.Key, Owner: m.Owner, Version: m.Version})
			if !errors.Is(err, admin.ErrChanged) {
				t.Errorf("%s %s is there, and was forgotten: %v", m.Kind, m.Key, err)
			}
		}
		if after, err := s.Acts.Managed(ctx, root(), admin.Ask{}); err != nil || len(after.Items) != len(page.Items) {
			t.Errorf("managed are %v after it, %v", after.Items, err)
		}
		s.ok(s.Acts.DeleteUpstream(ctx, root(), "fb", ""))
		for _, m := range page.Items {
			if m.Kind == thing.Upstreams {
				s.ok(s.Acts.Apply(ctx, root(), thing.Step{Kind: m.Kind, Key: m.Key, Owner: m.Owner, Version: m.Version}))
			}
		}
	})
}
