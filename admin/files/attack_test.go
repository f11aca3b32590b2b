package files_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"signet/admin"
	"signet/admin/files"
	"signet/users/membership"
)

// TestFilesGiveNobodyMore: who applies them may do no more than by the acts, and whatever is refused leaves nothing.
func TestFilesGiveNobodyMore(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	bob := s.Person(t, "bob@example.com")
	s.apply(`{"clients":[{"client_id":"robot","first_party":true,"grant_types":["client_credentials"],"scope":"signet:keys:rotate"},
		{"client_id":"plain","redirect_uris":["https://plain.example/cb"]}],
		"roles":[{"name":"keymaster","permissions":["keys:rotate"]}],"groups":[{"name":"bosses"}]}`)
	s.ok(s.Acts.GiveRole(ctx, root(), membership.Admin, membership.Holder{Group: "bosses"}))
	roles := map[string]admin.Set{
		admin.RoleSupport: admin.SetOf(admin.PeopleRead, admin.PeopleCredentials, admin.SessionsRead, admin.SessionsRevoke, admin.GrantsRead,
			admin.GrantsRevoke, admin.AuditRead, admin.ClientsRead),
		admin.RoleAuditor: admin.SetOf(admin.PeopleRead, admin.ClientsRead, admin.SessionsRead, admin.GrantsRead, admin.KeysRead,
			admin.AuditRead, admin.AuditExport, admin.MailRead),
		admin.RoleApps: admin.SetOf(admin.ClientsRead, admin.ClientsWrite, admin.ClientsSecrets, admin.ResourcesWrite),
		"files": admin.SetOf(admin.ApplyFiles, admin.PeopleRead, admin.ClientsRead, admin.ClientsWrite, admin.ClientsSecrets,
			admin.ResourcesWrite, admin.GroupsWrite, admin.RolesGive),
	}
	keys := `"first_party":true,"grant_types":["client_credentials"]`
	for name, holds := range roles {
		l := files.Local{Acts: s.Acts, Actor: admin.Actor{Kind: admin.KindPerson, ID: bob.ID, Holds: holds}}
		before := document(t, s.export())
		for _, text := range []string{
			`{"roles":[{"name":"mine","permissions":["keys:rotate"]}]}`, `{"roles":[{"name":"keymaster"}]}`,
			`{"clients":[{"client_id":"mine",` + keys + `,"scope":"signet:keys:rotate"}]}`,
			`{"clients":[{"client_id":"robot",` + keys + `}]}`,
			`{"clients":[{"client_id":"plain",` + keys + `,"scope":"signet:keys:read"}]}`,
			`{"clients":[{"client_id":"robot",` + keys + `,"scope":"signet:keys:rotate","client_secret":"env:MINE"}]}`,
			`{"clients":[{"client_id":"robot",` + keys + `,"scope":"signet:keys:rotate","disabled":true}]}`,
			`{"clients":[{"client_id":"plain","redirect_uris":["https://plain.example/cb"]}],"roles":[]}`,                  // deletes
			`{"clients":[{"client_id":"plain","redirect_uris":["https://plain.example/cb"]}],"groups":[{"name":"other"}]}`, // likewise
		} {
			set := read(t, text)
			p, err := files.Make(ctx, files.Local{Acts: s.Acts, Actor: root()}, set, options(prune, override))
			s.ok(err) // as somebody may, who hands it on
			err = p.Apply(ctx, l, func(files.Step) {})
			if !errors.Is(err, admin.ErrRefused) {
				t.Errorf("%s: %s: %v, want a refusal", name, text, err)
			}
			if p, err = files.Make(ctx, l, set, options(prune, override)); err == nil {
				err = p.Apply(ctx, l, func(files.Step) {})
			}
			if err == nil {
				t.Errorf("%s: %s: was planned and applied", name, text)
			}
			if now := document(t, s.export()); now != before && name != "files" {
				t.Fatalf("%s: %s: the server is\n%s", name, text, now)
			}
		}
	}
	for _, text := range []string{`{"roles":[{"name":"admin"}]}`, `{"roles":[{"name":"signet:support","permissions":["people:read"]}]}`,
		`{"clients":[{"client_id":"signet:host","redirect_uris":["https://a.example/cb"]}]}`,
		`{"clients":[{"client_id":"x","redirect_uris":["https://a.example/*"]}]}`, `{"groups":[{"name":"a","description":"\u0007"}]}`,
		`{"resources":[{"identifier":"https://b.example","name":"x","scopes":["signet:people:read"]}]}`,
		`{"resources":[{"identifier":"not absolute","name":"x"}]}`} {
		if p, err := files.Make(ctx, s.Local, read(t, text), options()); err == nil {
			t.Errorf("%s: planned %q", text, told(p))
		}
	}
}

// TestYAML reads plain documents, and nothing that says more than it seems to.
func TestYAML(t *testing.T) {
	good := "clients:\n  - client_id: shop\n    default_max_age: 60\n    redirect_uris: [https://shop.example/cb]\n    disabled: true\n" +
		"    scope: openid\ngroups: []\n"
	text, err := files.FromYAML(good)
	if err != nil {
		t.Fatal(err)
	}
	got := document(t, read(t, string(text)))
	if !strings.Contains(got, `"default_max_age": 60`) || !strings.Contains(got, `"disabled": true`) {
		t.Errorf("%s", got)
	}
	var bomb strings.Builder
	bomb.WriteString("a: &a [x,x,x,x,x,x,x,x,x]\n")
	for c := 'b'; c < 'k'; c++ {
		fmt.Fprintf(&bomb, "%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	for text, want := range map[string]string{
		bomb.String(): "anchors and aliases", "": "is empty", "a: 1\n---\nb: 1\n": "one YAML document", "a: 1\na: 2\n": "is there twice",
		"a: {<<: {b: 1}}": "plain text", "a: 2026-01-01": "quotes", "a: 0x1f": "decimal", "a: 1.5": "quotes",
		"? [a, b]\n: c": "plain text", "groups: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000): "deep",
		"a: *b": "begins with *", "a: &b 1": "anchors", "a: !!binary aGk=": "types", "a: !!bool nope": "types", "a: !!null text": "types",
		"a: !!str 5": "types", "!!str a: 5": "plain text", "a: !b {}": "types",
	} {
		if got, err := files.FromYAML(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %.80s %v, want %q", text, got, err, want)
		}
	}
}

// FuzzYAML: whatever is read is JSON, and no longer than it looks.
func FuzzYAML(f *testing.F) {
	f.Add("clients:\n- client_id: a\n  disabled: yes\n")
	f.Add("a: &a [1, 2]\nb: *a\n")
	f.Add("a: |\n  text\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := files.FromYAML(text)
		if err != nil {
			return
		}
		if len(got) > 8*len(text)+16 {
			t.Errorf("%d bytes became %d", len(text), len(got))
		}
		_ = (&files.Set{}).Read(got)
	})
}
