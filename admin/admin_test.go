package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/admin"
	"signet/clients"
	"signet/server/servertest"
	"signet/storage"
	"signet/storage/filter"
	"signet/users"
	"signet/users/deletion"
	"signet/users/membership"
)

// world is a server with people of every kind.
type world struct {
	*testing.T
	server                   *servertest.Server
	s                        *admin.Service
	boss, support, apps, bob servertest.Person
}

func newWorld(t *testing.T, opts ...servertest.Option) *world {
	t.Helper()
	srv := servertest.New(t, append([]servertest.Option{servertest.HandlerOnly(), servertest.Quiet()}, opts...)...)
	w := &world{T: t, server: srv, s: srv.Services().Admin}
	w.boss, w.support = srv.Person(t, "boss@example.com"), srv.Person(t, "support@example.com")
	w.apps, w.bob = srv.Person(t, "apps@example.com"), srv.Person(t, "bob@example.com")
	srv.MakeAdmin(t, w.boss)
	for person, role := range map[string]string{w.support.ID: admin.RoleSupport, w.apps.ID: admin.RoleApps} {
		w.ok(w.s.GiveRole(t.Context(), w.command(), role, membership.Holder{UserID: person}))
	}
	return w
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) is(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Fatalf("got error %v, want %v", err, want)
	}
}

// command is the actor who may do everything.
func (w *world) command() admin.Actor {
	return admin.Actor{Kind: admin.KindCommand, ID: "root@host", Holds: admin.SetOf(admin.All()...)}
}

// as is a person as actor, with what they hold now.
func (w *world) as(p servertest.Person) admin.Actor {
	w.Helper()
	held, err := w.s.Held(w.Context(), p.ID)
	w.ok(err)
	return admin.Actor{Kind: admin.KindPerson, ID: p.ID, Holds: held}
}

func (w *world) events(name string) []storage.Event {
	w.Helper()
	list, err := w.server.Services().DB.EventsLike(w.Context(), storage.Event{Name: name}, "", 1000)
	w.ok(err)
	return list
}

// zeros are arguments of a method's types that mean nothing.
func zeros(ctx context.Context, method reflect.Method, a admin.Actor) []reflect.Value {
	var args []reflect.Value
	for i := 1; i < method.Type.NumIn(); i++ {
		switch in := method.Type.In(i); in {
		case reflect.TypeFor[context.Context]():
			args = append(args, reflect.ValueOf(ctx))
		case reflect.TypeFor[admin.Actor]():
			args = append(args, reflect.ValueOf(a))
		case reflect.TypeFor[func(*clients.Metadata) error]():
			args = append(args, reflect.ValueOf(func(*clients.Metadata) error { panic("called without permission") }))
		case reflect.TypeFor[json.RawMessage]():
			args = append(args, reflect.ValueOf(json.RawMessage(`{}`)))
		default:
			args = append(args, reflect.Zero(in))
		}
	}
	return args
}

// TestADM01_EveryActDemandsItsPermission walks the acts: an actor with every permission but one is refused by exactly those that demand
// it, one event each; an actor without any is refused by all.
func TestADM01_EveryActDemandsItsPermission(t *testing.T) {
	w := newWorld(t)
	service := reflect.TypeFor[*admin.Service]()
	acts, demanded := 0, admin.Set{}
	for method := range service.Methods() {
		if method.Type.NumIn() < 3 || method.Type.In(2) != reflect.TypeFor[admin.Actor]() {
			if method.Name != "Held" {
				t.Errorf("%s takes no actor: it is no act, and does not belong here", method.Name)
			}
			continue
		}
		acts++
		before := len(w.events("admin.refused"))
		out := method.Func.Call(
			append([]reflect.Value{reflect.ValueOf(w.s)}, zeros(t.Context(), method, admin.Actor{Kind: admin.KindPerson, ID: "x"})...))
		err, _ := out[len(out)-1].Interface().(error)
		no, ok := errors.AsType[*admin.Refused](err)
		if !ok || len(no.Missing) != 1 || no.Missing[0] == "" || no.Over {
			t.Errorf("%s without any permission: %v, want a refusal that names the permission", method.Name, err)
			continue
		}
		demanded[no.Missing[0]] = true
		if got := len(w.events("admin.refused")) - before; got != 1 {
			t.Errorf("%s: %d events of the refusal, want 1", method.Name, got)
		}
		most := admin.SetOf(admin.All()...)
		delete(most, no.Missing[0])
		out = method.Func.Call(append([]reflect.Value{reflect.ValueOf(w.s)}, zeros(t.Context(), method, admin.Actor{ID: "x", Holds: most})...))
		if err, _ := out[len(out)-1].Interface().(error); !errors.Is(err, admin.ErrRefused) {
			t.Errorf("%s with all permissions but %s: %v, want a refusal", method.Name, no.Missing[0], err)
		}
	}
	if unused := demanded.Missing(admin.SetOf(admin.All()...)); len(unused) > 0 {
		t.Errorf("no act demands %v", unused)
	}
	if acts < 40 {
		t.Fatalf("only %d acts were found", acts)
	}
}

// TestADM02_NobodyGivesWhatTheyDoNotHold tries each road to a role.
func TestADM02_NobodyGivesWhatTheyDoNotHold(t *testing.T) {
	w := newWorld(t)
	ctx, root := t.Context(), w.command()
	w.ok(w.s.PutGroup(ctx, root, "bosses", ""))
	w.ok(w.s.PutGroup(ctx, root, "friends", ""))
	w.ok(w.s.GiveRole(ctx, root, membership.Admin, membership.Holder{Group: "bosses"}))
	w.ok(w.s.PutRole(ctx, root, "keymaster", "", []admin.Permission{admin.KeysRotate}))
	giver := admin.Actor{Kind: admin.KindPerson, ID: w.bob.ID,
		Holds: admin.SetOf(admin.RolesGive, admin.GroupsWrite, admin.PeopleRead, admin.PeopleWrite, admin.ClientsWrite, admin.ClientsSecrets)}
	w.server.App(t, "robot", func(m *clients.Metadata) {
		m.FirstParty, m.GrantTypes, m.ResponseTypes, m.RedirectURIs = true, []string{"client_credentials"}, nil, nil
		m.Scope = "signet:keys:rotate"
	})
	scope := func(m *clients.Metadata) error { m.Scope = "signet:keys:rotate"; return nil }
	for road, err := range map[string]error{
		"role to oneself":         w.s.GiveRole(ctx, giver, "keymaster", membership.Holder{UserID: w.bob.ID}),
		"role that ships":         w.s.GiveRole(ctx, giver, admin.RoleSupport, membership.Holder{UserID: w.bob.ID}),
		"admin":                   w.s.GiveRole(ctx, giver, membership.Admin, membership.Holder{UserID: w.bob.ID}),
		"role to a group":         w.s.GiveRole(ctx, giver, "keymaster", membership.Holder{Group: "friends"}),
		"into a group that holds": w.s.AddMember(ctx, giver, "bosses", w.bob.ID),
		"role with more":          w.s.PutRole(ctx, giver, "mine", "", []admin.Permission{admin.KeysRead}),
		"more to a role":          w.s.PutRole(ctx, giver, "keymaster", "", nil),
		"role taken away":         w.s.TakeRole(ctx, giver, membership.Admin, membership.Holder{UserID: w.boss.ID}),
		"role deleted":            w.s.DeleteRole(ctx, giver, "keymaster"),
		"group deleted":           w.s.DeleteGroup(ctx, giver, "bosses"),
		"client with a scope": func() error {
			_, err := w.s.CreateClient(ctx, giver, clients.Metadata{ClientID: "more", FirstParty: true, GrantTypes: []string{"client_credentials"},
				Scope: "signet:keys:rotate"})
			return err
		}(),
		"scope to a client": func() error { _, err := w.s.ChangeClient(ctx, giver, "robot", "", scope); return err }(),
		"secret of a client that holds": func() error {
			_, err := w.s.RotateSecret(ctx, giver, "robot", 0)
			return err
		}(),
		"scope taken from a client": func() error {
			_, err := w.s.ChangeClient(ctx, giver, "robot", "", func(m *clients.Metadata) error { m.Scope = ""; return nil })
			return err
		}(),
		"client deleted":  w.s.DeleteClient(ctx, giver, "robot", ""),
		"client disabled": w.s.SetClientDisabled(ctx, giver, "robot", true),
	} {
		no, ok := errors.AsType[*admin.Refused](err)
		if !ok || !no.Over {
			t.Errorf("%s: %v, want a refusal for what it reaches", road, err)
		}
	}
	if held := w.as(w.bob).Holds; len(held) > 0 {
		t.Errorf("bob holds %v", held)
	}
	w.ok(w.s.PutRole(ctx, giver, "mine", "", []admin.Permission{admin.PeopleRead}))
	w.ok(w.s.GiveRole(ctx, giver, "mine", membership.Holder{UserID: w.bob.ID}))
	if held := w.as(w.bob).Holds; len(held) != 1 || !held[admin.PeopleRead] {
		t.Errorf("bob holds %v", held)
	}
}

// TestADM03_NobodyActsOnWhoHoldsMore lets support try everything on the administrator.
func TestADM03_NobodyActsOnWhoHoldsMore(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	all := w.as(w.support)
	for _, p := range []admin.Permission{admin.PeopleWrite, admin.PeopleErase, admin.GroupsWrite} { // as much as is not the administrator's
		all.Holds = admin.SetOf(append(slices.Collect(maps.Keys(all.Holds)), p)...)
	}
	person := func(_ admin.Person, err error) error { return err }
	w.ok(w.s.PutGroup(ctx, w.command(), "friends", ""))
	w.ok(w.s.AddMember(ctx, w.command(), "friends", w.boss.ID))
	for act, err := range map[string]error{
		"password":      person(w.s.SetPassword(ctx, all, w.boss.ID, "correct horse battery staple")),
		"reset link":    func() error { _, err := w.s.ResetLink(ctx, all, w.boss.ID, false); return err }(),
		"factors":       person(w.s.ResetFactors(ctx, all, w.boss.ID)),
		"address":       person(w.s.SetEmail(ctx, all, w.boss.ID, "mine@example.com", true)),
		"claims":        person(w.s.ChangePerson(ctx, all, w.boss.ID, "", json.RawMessage(`{"name":"x"}`))),
		"disable":       person(w.s.SetDisabled(ctx, all, w.boss.ID, true)),
		"enable":        person(w.s.SetDisabled(ctx, all, w.boss.ID, false)),
		"unfreeze":      person(w.s.Unfreeze(ctx, all, w.boss.ID)),
		"delete":        person(w.s.DeletePerson(ctx, all, w.boss.ID, "", true)),
		"restore":       person(w.s.RestorePerson(ctx, all, w.boss.ID)),
		"sessions":      func() error { _, err := w.s.EndSessions(ctx, all, w.boss.ID); return err }(),
		"one session":   w.s.EndSession(ctx, all, w.boss.ID, "s"),
		"out of groups": w.s.RemoveMember(ctx, all, "friends", w.boss.ID),
	} {
		no, ok := errors.AsType[*admin.Refused](err)
		if !ok || !no.Over {
			t.Errorf("%s: %v, want a refusal for what the administrator holds", act, err)
		}
	}
	if _, err := w.s.SetPassword(ctx, w.as(w.support), w.bob.ID, "correct horse battery staple"); err != nil {
		t.Errorf("support sets bob's password: %v", err)
	}
	if _, err := w.s.SetPassword(ctx, w.as(w.support), w.support.ID, "correct horse battery staple"); err != nil {
		t.Errorf("support sets their own password: %v", err)
	}
}

// TestADM04_AnAdministratorIsLeft tries each way in which the last one could go, also two at once.
func TestADM04_AnAdministratorIsLeft(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, engine)
		ctx, root := t.Context(), w.command()
		w.ok(w.s.PutGroup(ctx, root, "bosses", ""))
		w.ok(w.s.GiveRole(ctx, root, membership.Admin, membership.Holder{Group: "bosses"}))
		w.ok(w.s.AddMember(ctx, root, "bosses", w.bob.ID))
		w.ok(w.s.TakeRole(ctx, root, membership.Admin, membership.Holder{UserID: w.boss.ID})) // bob is one, by the group
		_, disabled := w.s.SetDisabled(ctx, root, w.bob.ID, true)
		_, deleted := w.s.DeletePerson(ctx, root, w.bob.ID, "", false)
		for way, err := range map[string]error{
			"disabled": disabled, "deleted": deleted, "out of the group": w.s.RemoveMember(ctx, root, "bosses", w.bob.ID),
			"group deleted": w.s.DeleteGroup(ctx, root, "bosses"), "role deleted": w.s.DeleteRole(ctx, root, membership.Admin),
			"role taken from the group": w.s.TakeRole(ctx, root, membership.Admin, membership.Holder{Group: "bosses"}),
		} {
			if !errors.Is(err, admin.ErrConflict) {
				t.Errorf("%s: %v, want a conflict", way, err)
			}
		}
		w.ok(w.s.GiveRole(ctx, root, membership.Admin, membership.Holder{UserID: w.boss.ID}))
		var wg sync.WaitGroup
		var errs [2]error
		for i, p := range []servertest.Person{w.boss, w.bob} {
			wg.Go(func() { _, errs[i] = w.s.SetDisabled(ctx, root, p.ID, true) })
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("two administrators were disabled at once: %v", errs)
		}
	})
}

// TestADM04_WhoLeavesByThemselvesLeavesOneWhoCanSignIn: an administrator without any way in is none who could mend anything.
func TestADM04_WhoLeavesByThemselvesLeavesOneWhoCanSignIn(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, engine)
		ctx, root := t.Context(), w.command()
		other, err := w.s.CreatePerson(ctx, root, admin.NewPerson{Email: "other@example.com"})
		w.ok(err)
		w.ok(w.s.GiveRole(ctx, root, membership.Admin, membership.Holder{UserID: other.ID}))
		_, err = w.server.Services().Deletion.Request(ctx, w.boss.ID)
		w.is(err, deletion.ErrLastAdmin)
		_, err = w.s.SetPassword(ctx, root, other.ID, "correct horse battery staple")
		w.ok(err)
		_, err = w.server.Services().Deletion.Request(ctx, w.boss.ID)
		w.ok(err)
		_, err = w.server.Services().Deletion.Request(ctx, other.ID)
		w.is(err, deletion.ErrLastAdmin)
		_, err = w.server.Services().Deletion.Request(ctx, w.bob.ID)
		w.ok(err)
	})
}

// TestADM05_ShippedRolesStayAsTheyAre: neither changed, nor made anew under a reserved name.
func TestADM05_ShippedRolesStayAsTheyAre(t *testing.T) {
	w := newWorld(t)
	for _, role := range []string{membership.Admin, admin.RoleSupport, admin.RoleAuditor, "signet:mine"} {
		w.is(w.s.PutRole(t.Context(), w.command(), role, "", []admin.Permission{admin.PeopleRead}), admin.ErrConflict)
		w.is(w.s.DeleteRole(t.Context(), w.command(), role), admin.ErrConflict)
	}
}

// TestADM06_ChangesAreRecordedWithTheirActor: who, what, from and to.
func TestADM06_ChangesAreRecordedWithTheirActor(t *testing.T) {
	w := newWorld(t)
	w.server.App(t, "shop")
	_, err := w.s.ChangeClient(t.Context(), w.as(w.apps), "shop", "",
		func(m *clients.Metadata) error { m.ClientName = "New name"; return nil })
	w.ok(err)
	list := w.events("client.changed")
	if len(list) != 1 || list[0].ActorID != w.apps.ID || list[0].ActorKind != "person" || list[0].ClientID != "shop" {
		t.Fatalf("%+v", list)
	}
	if text := string(list[0].Detail); !strings.Contains(text, `"field":"client_name"`) || !strings.Contains(text, `"new":"New name"`) {
		t.Errorf("detail %s", text)
	}
	_, err = w.s.ChangeClient(t.Context(), w.as(w.apps), "shop", "", func(*clients.Metadata) error { return nil })
	w.ok(err)
	if len(w.events("client.changed")) != 1 {
		t.Error("what changed nothing left an event")
	}
}

// TestADM07_AConditionIsOnWhatIsStored: the first of two changes of one state wins.
func TestADM07_AConditionIsOnWhatIsStored(t *testing.T) {
	w := newWorld(t)
	ctx, root := t.Context(), w.command()
	w.server.App(t, "shop")
	seen, err := w.s.Client(ctx, root, "shop")
	w.ok(err)
	tag := admin.Tag(seen)
	rename := func(name, match string) error {
		_, err := w.s.ChangeClient(ctx, root, "shop", match, func(m *clients.Metadata) error { m.ClientName = name; return nil })
		return err
	}
	w.ok(rename("first", tag))
	w.is(rename("second", tag), admin.ErrChanged)
	w.ok(rename("third", "*"))
	w.is(w.s.DeleteClient(ctx, root, "shop", tag), admin.ErrChanged)

	p, err := w.s.Person(ctx, root, w.bob.ID)
	w.ok(err)
	_, err = w.s.ChangePerson(ctx, root, w.bob.ID, admin.Tag(p), json.RawMessage(`{"name":"Bob"}`))
	w.ok(err)
	_, err = w.s.ChangePerson(ctx, root, w.bob.ID, admin.Tag(p), json.RawMessage(`{"name":"Bobby"}`))
	w.is(err, admin.ErrChanged)
}

// TestADM08_SearchFindsByBeginnings pages through addresses, then user names.
func TestADM08_SearchFindsByBeginnings(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"ann1", "ann2", "ann3"} {
		w.server.Person(t, name+"@example.com", func(r *users.Registration) { r.Username = name })
	}
	w.server.Person(t, "zed@example.com", func(r *users.Registration) { r.Username = "annabel" })
	var got []string
	for q := (admin.Ask{Limit: 2}); ; {
		page, err := w.s.People(t.Context(), w.command(), filter.People{Search: " ANN"}, q)
		w.ok(err)
		for _, p := range page.Items {
			got = append(got, p.Email)
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	if want := []string{"ann1@example.com", "ann2@example.com", "ann3@example.com", "zed@example.com"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestADM09_ViewsHoldNoSecret walks the types of the answers.
func TestADM09_ViewsHoldNoSecret(t *testing.T) {
	service := reflect.TypeFor[*admin.Service]()
	for method := range service.Methods() {
		for out := range method.Type.Outs() {
			walk(t, method.Name, out, map[reflect.Type]bool{})
		}
	}
}

func walk(t *testing.T, where string, typ reflect.Type, seen map[reflect.Type]bool) {
	t.Helper()
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		walk(t, where, typ.Elem(), seen)
	case reflect.Struct:
		if seen[typ] {
			return
		}
		seen[typ] = true
		for f := range typ.Fields() {
			name := strings.ToLower(f.Name)
			for _, word := range []string{"hash", "secret", "sealed", "mac", "emailkey", "usernamekey"} {
				if strings.Contains(name, word) && !slices.Contains([]string{"ClientSecret", "RequireSecondFactor", "DocumentHash"}, f.Name) {
					t.Errorf("%s.%s: a view must not hold a secret", where, f.Name)
				}
			}
			walk(t, where+"."+f.Name, f.Type, seen)
		}
	}
}

// TestADM11_AFrozenAdministratorIsNotOneWhoIsLeft: who said "this was not me" cannot sign in.
func TestADM11_AFrozenAdministratorIsNotOneWhoIsLeft(t *testing.T) {
	w := newWorld(t)
	ctx, root := t.Context(), w.command()
	w.ok(w.s.GiveRole(ctx, root, membership.Admin, membership.Holder{UserID: w.bob.ID}))
	w.ok(w.server.Services().DB.SetUserFrozen(ctx, w.bob.ID, time.Now(), time.Now()))
	_, err := w.s.SetDisabled(ctx, root, w.boss.ID, true)
	w.is(err, admin.ErrConflict)
}

// TestADM13_ChangesOfAnAPIAreRecorded: who may introspect or exchange its tokens is not changed without a trace.
func TestADM13_ChangesOfAnAPIAreRecorded(t *testing.T) {
	w := newWorld(t)
	r := clients.Resource{Identifier: "https://api.example", Name: "API", Scopes: []string{"read"}}
	w.ok(w.s.PutResource(t.Context(), w.as(w.apps), r, "*"))
	r.ExchangedBy = []string{"shop"}
	w.ok(w.s.PutResource(t.Context(), w.as(w.apps), r, "*"))
	list := w.events("resource.changed")
	if len(list) != 2 || !strings.Contains(string(list[0].Detail), `"field":"exchanged_by"`) {
		t.Errorf("%s", list[0].Detail)
	}
}
