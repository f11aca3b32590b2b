package files_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"signet/admin"
	"signet/admin/files"
	"signet/admin/thing"
	"signet/clients"
	"signet/server/servertest"
	"signet/storage"
)

// site is a server, and whoever applies files to it.
type site struct {
	*testing.T
	*servertest.Server
	files.Local
}

func newSite(t *testing.T, opts ...servertest.Option) *site {
	t.Helper()
	s := servertest.New(t, append([]servertest.Option{servertest.HandlerOnly(), servertest.Quiet()}, opts...)...)
	return &site{t, s, files.Local{Acts: s.Services().Admin, Actor: root()}}
}

func (s *site) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) export() *files.Set {
	s.Helper()
	set, err := files.Export(s.Context(), s.Source())
	s.ok(err)
	return set
}

func options(change ...func(o *files.Options)) files.Options {
	o := files.Options{Owner: "team", Secret: func(where string) (string, error) {
		return "secret-of-" + where + strings.Repeat("-0123456789", 4), nil
	}}
	for _, f := range change {
		f(&o)
	}
	return o
}

func (s *site) plan(document string, change ...func(o *files.Options)) *files.Plan {
	s.Helper()
	p, err := files.Make(s.Context(), s.Local, read(s.T, document), options(change...))
	s.ok(err)
	return p
}

// apply plans and carries out, and tells what was done.
func (s *site) apply(document string, change ...func(o *files.Options)) (done []string) {
	s.Helper()
	s.ok(s.plan(document, change...).Apply(s.Context(), s.Local, func(step files.Step) { done = append(done, brief(step)) }))
	return done
}

func brief(s files.Step) string {
	var text strings.Builder
	text.WriteString(s.What + " " + s.Kind + " " + s.Key)
	for _, c := range s.Changes {
		text.WriteString(" " + c.Field)
	}
	for _, k := range s.Kept {
		text.WriteString(" !" + k.Field)
	}
	return text.String()
}

func told(p *files.Plan) (all []string) {
	for _, s := range p.Steps {
		all = append(all, brief(s))
	}
	return all
}

func (s *site) same(got []string, want ...string) {
	s.Helper()
	if !slices.Equal(got, want) {
		s.Errorf("got  %q\nwant %q", got, want)
	}
}

func (s *site) events(name string) int {
	s.Helper()
	list, err := s.Services().DB.EventsLike(s.Context(), storage.Event{Name: name}, "", 1000)
	s.ok(err)
	return len(list)
}

func prune(o *files.Options)    { o.Prune = true }
func adopt(o *files.Options)    { o.Adopt = true }
func override(o *files.Options) { o.Override = true }

// filled is a server with some of everything.
func filled(t *testing.T, engine servertest.Option) *site {
	s := newSite(t, engine)
	ctx := t.Context()
	for i := range 205 { // more than a page
		s.App(t, fmt.Sprintf("app%03d", i))
	}
	s.ok(s.Acts.SetClientDisabled(ctx, root(), "app007", true))
	s.App(t, "robot", func(m *clients.Metadata) {
		m.FirstParty, m.GrantTypes, m.ResponseTypes, m.RedirectURIs = true, []string{"client_credentials"}, nil, nil
		m.Scope = "signet:people:read"
	})
	s.ok(s.Acts.PutResource(ctx, root(), clients.Resource{Identifier: "https://api.example", Name: "API", Scopes: []string{"read", "write"},
		Details: map[string]clients.ScopeDetails{"read": {Title: map[string]string{"": "Read"}}}}, "*"))
	s.ok(s.Acts.PutGroup(ctx, root(), "staff", "who works here"))
	s.ok(s.Acts.PutRole(ctx, root(), "reader", "", []admin.Permission{admin.PeopleRead, admin.AuditRead}))
	s.MakeAdmin(t, s.Person(t, "boss@example.com"))
	return s
}

// TestExportAppliedToAnEmptyServerIsTheSame, bytes for bytes, and a second time there is nothing to do.
func TestExportAppliedToAnEmptyServerIsTheSame(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		text := document(t, filled(t, engine).export())
		if strings.Contains(text, `"admin"`) || strings.Contains(text, "secret\":") || !strings.Contains(text, `"disabled": true`) {
			t.Error("the export has what it should not have, or lacks what it should")
		}
		s := newSite(t, engine)
		if done := s.apply(text); len(done) != 209 {
			t.Errorf("%d things were made", len(done))
		}
		if again := document(t, s.export()); again != text {
			t.Error("exported again it has other bytes")
		}
		made := s.events("client.created") + s.events("client.changed") + s.events("managed.changed")
		if p := s.plan(text); p.Pending(true) || len(p.Steps) > 0 {
			t.Errorf("there is something to do yet: %q", told(p))
		}
		s.same(s.apply(text, adopt, prune, override))
		if now := s.events("client.created") + s.events("client.changed") + s.events("managed.changed"); now != made {
			t.Errorf("%d events became %d", made, now)
		}
	})
}

const shop = `{"clients":[{"client_id":"shop","client_name":"Shop","redirect_uris":["https://shop.example/cb"]}],
	"groups":[{"name":"staff","description":"all"}],"roles":[{"name":"reader","permissions":["people:read"]}],
	"resources":[{"identifier":"https://api.example","name":"API","scopes":["read"]}]}`

// TestWhatWasChangedByHandStays until it is overridden; what the files change meanwhile is changed all the same.
func TestWhatWasChangedByHandStays(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := newSite(t, engine)
		ctx := t.Context()
		s.same(s.apply(shop), "add clients shop", "add resources https://api.example", "add groups staff", "add roles reader")
		change := func(do func(m *clients.Metadata)) {
			_, err := s.Acts.ChangeClient(ctx, root(), "shop", "", func(m *clients.Metadata) error { do(m); return nil })
			s.ok(err)
		}
		change(func(m *clients.Metadata) { m.ClientName = "By hand" })
		s.ok(s.Acts.SetClientDisabled(ctx, root(), "shop", true)) // because of an incident, say
		s.ok(s.Acts.DeleteGroup(ctx, root(), "staff"))
		s.ok(s.Acts.PutRole(ctx, root(), "reader", "", []admin.Permission{admin.PeopleRead, admin.AuditRead}))
		drift := []string{"drift clients shop !client_name !disabled", "drift groups staff", "drift roles reader !permissions"}
		s.same(told(s.plan(shop)), drift...)
		s.same(s.apply(shop))
		s.same(told(s.plan(shop)), drift...)

		more := strings.Replace(shop, `"client_name"`, `"scope":"openid","client_name"`, 1)
		s.same(s.apply(more), "change clients shop scope !client_name !disabled")
		c, err := s.Acts.Client(ctx, root(), "shop")
		s.ok(err)
		if c.ClientName != "By hand" || !c.Disabled || c.Scope != "openid" {
			t.Errorf("the app is %+v", c)
		}
		s.same(told(s.plan(more)), drift...) // as before: the scope is as the files say

		agreed := strings.Replace(more, "Shop", "By hand", 1)
		s.same(told(s.plan(agreed)), "drift clients shop !disabled", drift[1], drift[2])
		s.apply(agreed) // … and what was done by hand is theirs from now on
		s.same(s.apply(more), "change clients shop client_name !disabled")

		s.same(s.apply(more, override), "change clients shop disabled", "add groups staff", "change roles reader permissions")
		s.same(told(s.plan(more)))
	})
}

// TestOnlyTheOwnersThingsAreTouched: neither what nobody's files keep, nor what those of another owner keep.
func TestOnlyTheOwnersThingsAreTouched(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := newSite(t, engine)
		ctx := t.Context()
		s.App(t, "old")
		s.ok(s.Acts.PutGroup(ctx, root(), "staff", "by hand"))
		asIs := document(t, s.export())
		s.same(told(s.plan(asIs)))
		s.same(told(s.plan(`{}`)), "extra clients old", "extra groups staff")
		s.same(told(s.plan(`{}`, prune)), "extra clients old", "extra groups staff")

		p := s.plan(shop)
		if err := p.Apply(ctx, s.Local, func(files.Step) {}); err == nil || !strings.Contains(err.Error(), "--adopt") {
			t.Errorf("what nobody's files keep: %v", err)
		}
		s.same(told(s.plan(`{}`)), "extra clients old", "extra groups staff") // nothing at all was made
		s.same(s.apply(shop, adopt), "add clients shop", "add resources https://api.example", "adopt groups staff description",
			"add roles reader")
		other := func(o *files.Options) { o.Owner, o.From = "other", "team" }
		s.same(s.apply(asIs, adopt, other), "adopt clients old", "change groups staff description")
		if s.events("managed.changed") != 6 {
			t.Errorf("%d events say who keeps what", s.events("managed.changed"))
		}
		p = s.plan(shop, override, adopt, prune)
		s.same(told(p), "theirs groups staff")
		if err := p.Apply(ctx, s.Local, func(files.Step) {}); err == nil || !strings.Contains(err.Error(), `"other" keep it`) {
			t.Errorf("what another's files keep: %v", err)
		}
	})
}

// TestAnAppHasTwentySecretsAtMost, however often files lead to another one: the newest.
func TestAnAppHasTwentySecretsAtMost(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := newSite(t, engine)
		robot := `{"clients":[{"client_id":"robot","grant_types":["client_credentials"],"client_secret":"env:ROBOT"}]}`
		var text string
		for i := range 25 {
			text = fmt.Sprintf("%064d", i)
			s.apply(robot, func(o *files.Options) { o.Secret = func(string) (string, error) { return text, nil } })
		}
		if _, list, err := s.Services().DB.ClientByID(s.Context(), "robot"); err != nil || len(list) != 20 {
			t.Errorf("%d secrets, %v", len(list), err)
		}
		for i, valid := range map[int]bool{0: false, 4: false, 5: true, 24: true} {
			state, err := s.SecretState(s.Context(), thing.Clients, "robot", fmt.Sprintf("%064d", i))
			if err != nil || state.Valid != valid {
				t.Errorf("secret %d: %+v, %v", i, state, err)
			}
		}
	})
}

// TestAnAppMovesIntoTheConfiguration: what files kept and config.yaml declares from now on is no difference any more, and keeps
// nothing else from being applied.
func TestAnAppMovesIntoTheConfiguration(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := newSite(t, engine)
		s.apply(shop)
		s = newSite(t, servertest.On(s.Services().DB), servertest.YAML("clients: [{client_id: shop, redirect_uris: [https://shop.example/cb], "+
			"token_endpoint_auth_method: none}]"))
		rest := `{"clients":[],"groups":[{"name":"staff","description":"new"}],"roles":[{"name":"reader","permissions":["people:read"]}],
			"resources":[{"identifier":"https://api.example","name":"API","scopes":["read"]}]}`
		s.same(s.apply(rest), "note clients shop", "change groups staff description")
		s.same(s.apply(rest))
		if c, err := s.Acts.Client(s.Context(), root(), "shop"); err != nil || !c.Declared {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

// TestPruneDeletesWhatTheFilesKept and do not say any more, and nothing else.
func TestPruneDeletesWhatTheFilesKept(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := newSite(t, engine)
		ctx := t.Context()
		s.App(t, "old")
		s.apply(shop)
		if _, err := files.Make(ctx, s.Local, read(t, `{"clients":[],"groups":[]}`), options(prune)); !errors.Is(err, files.ErrEmpty) {
			t.Errorf("empty files: %v", err)
		}
		fewer := `{"groups":[{"name":"friends"}],"clients":[],"roles":[]}`
		s.same(told(s.plan(fewer)), "extra clients old", "add groups friends", "delete roles reader", "delete groups staff",
			"delete resources https://api.example", "delete clients shop")
		if p := s.plan(fewer); len(p.Deletes()) > 0 {
			t.Errorf("deletes without --prune: %q", p.Deletes())
		}
		s.ok(s.Acts.PutGroup(ctx, root(), "staff", "by hand"))
		s.same(s.plan(fewer, prune).Deletes(), "roles reader", "clients shop") // no list of resources, a group that was changed
		s.same(s.apply(fewer, prune), "add groups friends", "delete roles reader", "delete clients shop")
		whole := strings.Replace(fewer, `"roles"`, `"resources":[],"roles"`, 1)
		s.same(s.apply(whole, prune, override), "delete groups staff", "delete resources https://api.example")
		s.same(told(s.plan(whole, prune)), "extra clients old")
		if text := document(t, s.export()); strings.Contains(text, "shop") || !strings.Contains(text, `"old"`) {
			t.Errorf("left is %s", text)
		}
		s.apply(shop)
		s.ok(s.Acts.DeleteGroup(ctx, root(), "staff"))
		s.same(s.apply(whole, prune), "note groups staff", "delete roles reader", "delete resources https://api.example", "delete clients shop")
		s.same(told(s.plan(whole, prune)), "extra clients old")
	})
}

// TestAPlanIsOnWhatItWasMadeOn: what changes between a plan and its end is refused, not lost, and nothing is done in part.
func TestAPlanIsOnWhatItWasMadeOn(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := newSite(t, engine)
		ctx := t.Context()
		refused := func(p *files.Plan) {
			t.Helper()
			if err := p.Apply(ctx, s.Local, func(step files.Step) { t.Errorf("done: %s", brief(step)) }); !errors.Is(err, admin.ErrChanged) {
				t.Errorf("got %v, want that it was changed", err)
			}
		}
		p := s.plan(shop)
		s.App(t, "shop")
		refused(p)
		s.ok(s.Acts.DeleteClient(ctx, root(), "shop", ""))
		s.apply(shop)
		for text, hands := range map[string][]func() error{
			strings.Replace(shop, `"Shop"`, `"Mart"`, 1): {
				func() error { return s.Acts.SetClientDisabled(ctx, root(), "shop", true) },
				func() error {
					_, err := s.Acts.ChangeClient(ctx, root(), "shop", "", func(m *clients.Metadata) error { m.Scope = "openid"; return nil })
					return err
				},
				func() error { return s.Acts.DeleteClient(ctx, root(), "shop", "") }},
			strings.Replace(shop, `"all"`, `"some"`, 1): {
				func() error { return s.Acts.PutGroup(ctx, root(), "staff", "by hand") },
				func() error { return s.Acts.DeleteGroup(ctx, root(), "staff") }},
			strings.Replace(shop, `"people:read"`, `"audit:read"`, 1): {
				func() error {
					return s.Acts.PutRole(ctx, root(), "reader", "by hand", []admin.Permission{admin.PeopleRead})
				},
				func() error { return s.Acts.PutRole(ctx, root(), "reader", "", nil) },
				func() error { return s.Acts.DeleteRole(ctx, root(), "reader") }},
			strings.Replace(shop, `"API"`, `"An API"`, 1): {
				func() error {
					return s.Acts.PutResource(ctx, root(), clients.Resource{Identifier: "https://api.example", Name: "x"}, "*")
				},
				func() error { return s.Acts.DeleteResource(ctx, root(), "https://api.example", "") }},
			`{"clients":[],"groups":[{"name":"new"}],"roles":[],"resources":[]}`: {
				func() error { return s.Acts.PutRole(ctx, root(), "reader", "by hand", nil) }},
		} {
			for _, hand := range hands {
				s.apply(shop, override)
				p := s.plan(text, prune)
				if p.Steps[0].What == files.Add { // what is added is none of it
					p.Steps = p.Steps[1:]
				}
				s.ok(hand())
				refused(p)
			}
		}
	})
}

// TestTwoAppliesAtOnce: each thing is done once, and the other is refused.
func TestTwoAppliesAtOnce(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := newSite(t, engine)
		for round := range 6 {
			text := strings.NewReplacer(`"Shop"`, fmt.Sprintf(`"Shop %d"`, round), `"all"`, fmt.Sprintf(`"all %d"`, round)).Replace(shop)
			var plans [3]*files.Plan
			for i := range plans {
				plans[i] = s.plan(text)
			}
			var wg sync.WaitGroup
			var mu sync.Mutex
			done := map[string]int{}
			for _, p := range plans {
				wg.Go(func() {
					err := p.Apply(t.Context(), s.Local, func(step files.Step) {
						mu.Lock()
						defer mu.Unlock()
						done[step.Kind]++
					})
					if err != nil && !errors.Is(err, admin.ErrChanged) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			for kind, n := range done {
				if n > 1 {
					t.Errorf("%s: %d did it", kind, n)
				}
			}
			s.apply(text)
			s.same(told(s.plan(text)))
		}
	})
}

// broken is a target that ends in the middle.
type broken struct {
	files.Local
	left int
}

func (b *broken) Apply(ctx context.Context, s thing.Step) error {
	if b.left--; b.left < 0 {
		return context.Canceled
	}
	return b.Local.Apply(ctx, s)
}

// TestAnApplyThatEndedInTheMiddleGoesOn, wherever that was.
func TestAnApplyThatEndedInTheMiddleGoesOn(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		for after := range 4 {
			s := newSite(t, engine)
			if err := s.plan(shop).Apply(t.Context(), &broken{s.Local, after}, func(files.Step) {}); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if left := len(s.plan(shop).Steps); left != 4-after {
				t.Errorf("after %d of 4 there are %d to do", after, left)
			}
			s.apply(shop)
			s.same(told(s.plan(shop)))
		}
	})
}

// TestSecretsAreWhereTheFilesSay: set, not set again, kept after somebody took them away, changed with the files, and never told.
func TestSecretsAreWhereTheFilesSay(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := newSite(t, engine)
		ctx := t.Context()
		text := strings.Replace(shop, `"client_name"`, `"client_secret":"env:ONE","client_name"`, 1)
		other := strings.Replace(text, "ONE", "TWO", 1)
		valid := func(where string) bool {
			t.Helper()
			secret, err := options().Secret(where)
			s.ok(err)
			state, err := s.SecretState(ctx, thing.Clients, "shop", secret)
			s.ok(err)
			return state.Valid
		}
		s.apply(text)
		if !valid("env:ONE") {
			t.Fatal("the secret is not the one of the file")
		}
		s.same(told(s.plan(text)))
		p := s.plan(other)
		s.same(told(p), "change clients shop client_secret")
		if strings.Contains(fmt.Sprintf("%+v", p.Steps[0].Changes), "secret-of") {
			t.Error("the plan tells the secret")
		}
		s.apply(other)
		if !valid("env:TWO") || !valid("env:ONE") {
			t.Error("the secret was not changed, or the one before ended at once")
		}
		_, err := s.Acts.RotateSecret(ctx, root(), "shop", 0) // it is known to somebody
		s.ok(err)
		if valid("env:TWO") {
			t.Fatal("a secret that was taken away is good")
		}
		s.same(told(s.plan(other)), "drift clients shop !client_secret")
		s.same(s.apply(other))
		if valid("env:TWO") {
			t.Error("a secret that was taken away by hand came back")
		}
		s.same(s.apply(text), "change clients shop client_secret")
		if stored := document(t, s.export()); strings.Contains(stored, "secret-of") || strings.Contains(stored, "env:") {
			t.Error("the export has a secret")
		}
		for secret, want := range map[string]string{"short": "use 43 to 256", strings.Repeat("x", 300): "use 43 to 256",
			strings.Repeat("ä", 50): "printable"} {
			o := options(func(o *files.Options) { o.Secret = func(string) (string, error) { return secret, nil } })
			_, err := files.Make(ctx, s.Local, read(t, text), o)
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret+" ") {
				t.Errorf("%q: %v", secret, err)
			}
		}
	})
}
