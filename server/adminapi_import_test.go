package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"signet/admin"
	"signet/server/servertest"
	"signet/storage"
	"signet/users/membership"
)

const jsonl = "Content-Type: application/jsonl"

// resultsOf are what became of the lines of an import.
func resultsOf(answer map[string]any) string {
	var all []string
	lines, _ := answer["lines"].([]any)
	for _, line := range lines {
		one, _ := line.(map[string]any)
		all = append(all, fmt.Sprintf("%v %v", one["line"], one["result"]))
	}
	return strings.Join(all, " ")
}

// TestAdminAPIImport imports people who are good and people who are not: each line has its result, and a bad one holds up no other.
func TestAdminAPIImport(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		d := newAdminAPI(t, engine)
		d.want(204, "PUT /groups/staff", map[string]any{})
		const hash = "$2y$10$BHkmhGzmLpbJxVnYVMq2IuRTbDK4MdmmOlpFRaaJnFhSnrdLnUCNC"
		body := strings.Join([]string{
			`{"email":"ada@example.com","email_verified":true,"name":"Ada","groups":["staff"],"metadata":{"plan":"gold"}}`,
			`{"email":"nothing"}`,
			``,
			`no JSON`,
			`{"email":"bob@example.com","sub":"bob|1","password_hash":"` + hash + `"}`,
			`{"email":"eve@example.com","password_hash":"{MD5}x"}`,
			`{"email":"a@example.com","email":"b@example.com"}`,
			`{"email":"carl@example.com","groups":["nobody"]}`,
			`{"email":"ADA@example.com"}`,
		}, "\n") + "\n"
		const made = "1 created 2 refused 4 refused 5 created 6 refused 7 refused 8 refused 9 refused"
		if got := resultsOf(d.want(200, "POST /people:import?dry_run=true", body, jsonl)); got != made {
			t.Errorf("dry run: %s", got)
		}
		if list := d.want(200, "GET /people", nil)["items"].([]any); len(list) > 0 {
			t.Fatalf("the dry run made %v", list)
		}
		answer := d.want(200, "POST /people:import", body, jsonl, "Idempotency-Key: one")
		if got := resultsOf(answer); got != made {
			t.Errorf("got %s", got)
		}
		again := d.want(200, "POST /people:import", body, jsonl, "Idempotency-Key: one")
		if got := resultsOf(again); got != made || d.head.Get("Idempotent-Replayed") != "true" {
			t.Errorf("with the same key: %s %v", got, d.head)
		}
		got := resultsOf(d.want(200, "POST /people:import", body, jsonl))
		if !strings.HasPrefix(got, "1 unchanged 2 refused 4 refused 5 unchanged") {
			t.Errorf("repeated: %s", got)
		}
		ada := d.want(200, "GET /people/ada@example.com", nil)
		if fmt.Sprint(ada["groups"], ada["metadata"], ada["email_verified"]) != "[staff] map[plan:gold] true" {
			t.Errorf("ada is %v", ada)
		}
		if bob := d.want(200, "GET /people/bob@example.com", nil); bob["id"] != "bob|1" {
			t.Errorf("bob is %v", bob)
		}
		d.want(200, "POST /people:import?on_conflict=update", `{"email":"ada@example.com","name":"Ada L."}`, jsonl)
		after := d.want(200, "GET /people/ada@example.com", nil)
		if after["claims"].(map[string]any)["name"] != "Ada L." || after["email_verified"] != true {
			t.Errorf("updated to %v", after)
		}
		moved := d.want(200, "POST /people:import?on_conflict=update", `{"sub":"bob|1","email":"mallory@example.com"}`, jsonl)
		if got := resultsOf(moved); got != "1 refused" {
			t.Errorf("an address was changed by an import: %s", got)
		}
		d.want(413, "POST /people:import", strings.Repeat("{}\n", 1001), jsonl)
		d.want(413, "POST /people:import", strings.Repeat(" ", 1<<20+2), jsonl)
		d.want(200, "POST /people:import", strings.Repeat(" ", 1<<20-60)+`{"email":"x@y.example"}`, jsonl)
		d.want(415, "POST /people:import", body)
		d.want(422, "POST /people:import?on_conflict=never", body, jsonl)
		events, err := d.Services().DB.EventsLike(t.Context(), storage.Event{Name: "user.imported"}, "", 100)
		if err != nil || len(events) != 4 || events[0].ActorKind != string(admin.KindCommand) {
			t.Errorf("events %v %v", events, err)
		}
	})
}

// TestADM02_AnImportGivesWhatItsActorHolds has somebody who may write people, and no more, try the columns that give more.
func TestADM02_AnImportGivesWhatItsActorHolds(t *testing.T) {
	d := newAdminAPI(t)
	acts, host := d.Services().Admin, d.Services().Host("test")
	d.want(204, "PUT /groups/bosses", map[string]any{})
	d.want(204, "PUT /groups/friends", map[string]any{})
	boss := d.Person(t, "boss@example.com")
	d.MakeAdmin(t, boss)
	if err := acts.GiveRole(t.Context(), host, membership.Admin, membership.Holder{Group: "bosses"}); err != nil {
		t.Fatal(err)
	}
	all := strings.Join([]string{
		`{"email":"a@example.com","groups":["bosses"]}`,
		`{"email":"b@example.com","groups":["friends"]}`,
		`{"email":"c@example.com","password_hash":"$2y$10$BHkmhGzmLpbJxVnYVMq2IuRTbDK4MdmmOlpFRaaJnFhSnrdLnUCNC"}`,
		`{"email":"d@example.com","metadata":{"plan":"gold"}}`,
		`{"email":"boss@example.com","username":"boss"}`,
		`{"email":"e@example.com"}`,
	}, "\n")
	for name, c := range map[string]struct {
		holds []string
		want  string
	}{
		"people":   {[]string{"people:write"}, "1 refused 2 refused 3 refused 4 refused 5 refused 6 created"},
		"groups":   {[]string{"people:write", "groups:write"}, "1 refused 2 created 3 refused 4 refused 5 refused 6 created"},
		"password": {[]string{"people:write", "people:credentials"}, "1 refused 2 refused 3 created 4 refused 5 refused 6 created"},
		"metadata": {[]string{"people:write", "people:metadata"}, "1 refused 2 refused 3 refused 4 created 5 refused 6 created"},
	} {
		token, _, err := d.Services().HostToken(t.Context(), "x", c.holds, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		e := *d
		e.token = token
		dry := resultsOf(e.want(200, "POST /people:import?dry_run=true&on_conflict=update", strings.ReplaceAll(all, `@`, name+`@`), jsonl))
		body := strings.ReplaceAll(strings.ReplaceAll(all, `@`, name+`@`), "boss"+name, "boss")
		got := resultsOf(e.want(200, "POST /people:import?on_conflict=update", body, jsonl))
		if got != c.want || strings.ReplaceAll(dry, "5 created", "5 refused") != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	token, _, err := d.Services().HostToken(t.Context(), "x", []string{"people:read"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	d.token = token
	d.want(403, "POST /people:import", all, jsonl)
	if u, err := d.Services().People.Show(t.Context(), boss.ID); err != nil || u.Username != "" {
		t.Errorf("the administrator is %v %v", u, err)
	}
	events, err := d.Services().DB.EventsLike(t.Context(), storage.Event{Name: "admin.refused"}, "", 100)
	if err != nil || len(events) < 5 {
		t.Errorf("%d refusals are recorded, %v", len(events), err)
	}
}

// TestAnImportLooksUpFewGroups: a line of 250,000 names would hold up everybody who writes for as long as they are looked up.
func TestAnImportLooksUpFewGroups(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		d := newAdminAPI(t, engine)
		d.want(204, "PUT /groups/staff", map[string]any{})
		var many []string
		for i := range 101 {
			many = append(many, fmt.Sprintf("%q", fmt.Sprint("g", i)))
		}
		body := `{"email":"ada@example.com","groups":[` + strings.Join(many, ",") + `]}` + "\n" +
			`{"email":"bob@example.com","groups":["staff"` + strings.Repeat(`,"staff"`, 5000) + `]}` + "\n"
		answer := d.want(200, "POST /people:import", body, jsonl)
		if got := resultsOf(answer); got != "1 refused 2 created" ||
			!strings.Contains(fmt.Sprint(answer), "are more than 100") {
			t.Errorf("%v", answer)
		}
		if list := d.want(200, "GET /groups/staff/members", nil)["items"].([]any); len(list) != 1 {
			t.Errorf("members: %v", list)
		}
	})
}

// TestAnImportSetsNoTimeThatNobodyCanBeTold: a year of more than four digits is in no answer, and one person who has it would spoil the
// whole list.
func TestAnImportSetsNoTimeThatNobodyCanBeTold(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		d := newAdminAPI(t, engine)
		var body, want []string
		for i, at := range []string{`9223372036854775807`, `-9223372036854775808`, `-99999999999`, `-1`, `"2999-01-01"`, `"0000-01-01"`,
			`9999999999999`, `"1969-12-31"`} {
			body = append(body, fmt.Sprintf(`{"email":"a%d@example.com","created_at":%s}`, i, at))
			want = append(want, fmt.Sprint(i+1, " refused"))
		}
		body = append(body, `{"email":"ada@example.com","created_at":"2019-03-04"}`, `{"email":"no","Email":"x@example.com"}`)
		answer := d.want(200, "POST /people:import", strings.Join(body, "\n"), jsonl)
		if got := resultsOf(answer); got != strings.Join(want, " ")+" 9 created 10 refused" ||
			!strings.Contains(fmt.Sprint(answer), "created_at: must be between 1970 and now") {
			t.Errorf("%v", answer)
		}
		if !strings.Contains(fmt.Sprint(answer), "of OpenID Connect; email: not a valid address") {
			t.Errorf("two mistakes of a line are one word: %v", answer)
		}
		list := d.want(200, "GET /people?limit=200", nil)["items"].([]any)
		if len(list) != 1 || list[0].(map[string]any)["created_at"] != "2019-03-04T00:00:00Z" {
			t.Errorf("people: %v", list)
		}
	})
}

// TestADM02_AnImportGivesNobodyTheIDOfSomebodyErased, for apps know them by it, but to who may do everything.
func TestADM02_AnImportGivesNobodyTheIDOfSomebodyErased(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		d := newAdminAPI(t, engine)
		all := d.token
		d.want(200, "POST /people:import", `{"email":"gone@example.com","sub":"gone-1"}`, jsonl)
		d.want(200, "DELETE /people/gone-1?now=true", nil, "If-Match: *")
		few, _, err := d.Services().HostToken(t.Context(), "root@host", []string{"people:read", "people:write", "people:credentials"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		body := `{"email":"thief@example.com","sub":"gone-1"}` + "\n" + `{"email":"new@example.com","sub":"new-1"}`
		for _, query := range []string{"?dry_run=true", ""} {
			d.token = few
			if got := resultsOf(d.want(200, "POST /people:import"+query, body, jsonl)); got != "1 refused 2 created" {
				t.Errorf("%q: %s", query, got)
			}
		}
		d.token = all
		if got := resultsOf(d.want(200, "POST /people:import", body, jsonl)); got != "1 created 2 unchanged" {
			t.Errorf("by who may do everything: %s", got)
		}
	})
}
