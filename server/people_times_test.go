package server_test

import (
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"signet/server/servertest"
	"signet/storage"
)

// odd are people with times that cannot be told (years of more than four digits, or below 0), as imports of an earlier release kept them.
func odd(t *testing.T, db *storage.DB) (ids []string) {
	t.Helper()
	for i, at := range []int64{math.MaxInt64, math.MinInt64, 253402300800_000000, -62167219200_000001} {
		u := storage.User{ID: fmt.Sprintf("ODD%d", i), EmailKey: fmt.Sprintf("odd%d@example.com", i), Email: fmt.Sprintf("odd%d@example.com", i),
			CreatedAt: time.UnixMicro(at), UpdatedAt: time.UnixMicro(at), DisabledAt: time.UnixMicro(at), Profile: []byte(`{"name":"Odd"}`)}
		if err := db.InsertUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, u.ID)
	}
	return ids
}

// TestPeople_TimesThatCannotBeToldSpoilNoList: of the API, part after part, in every order it has.
func TestPeople_TimesThatCannotBeToldSpoilNoList(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		d := newAdminAPI(t, engine)
		ada := d.Person(t, "ada@example.com")
		ids := append(odd(t, d.Services().DB), ada.ID)
		d.want(204, "PUT /groups/staff", map[string]any{})
		d.want(204, "PUT /roles/tester", map[string]any{})
		for _, id := range ids {
			d.want(204, "PUT /groups/staff/members/"+id, nil)
			d.want(204, "PUT /roles/tester/holders/people/"+id, nil)
		}
		for list, least := range map[string]int{"/people?": 5, "/people?disabled=true&": 4, "/people?search=odd&": 4, "/people?group=staff&": 5,
			"/people?role=tester&": 5, "/people?created_since=2001-01-01T00:00:00Z&": 1,
			"/people?created_since=2001-01-01T00:00:00Z&role=tester&":   3,
			"/people?disabled=true&created_since=2001-01-01T00:00:00Z&": 0, "/groups/staff/members?": 5, "/roles/tester/holders?": 0,
			"/events?": 1} {
			seen, after := map[string]bool{}, ""
			for pages := 0; ; pages++ {
				page := d.want(200, "GET "+list+"limit=2&after="+after, nil)
				for _, one := range items(page) {
					id := fmt.Sprint(one)
					if seen[id] || pages > 20 && list != "/events?" {
						t.Fatalf("%s: goes round", list)
					}
					seen[id] = true
				}
				if after, _ = page["next"].(string); after == "" || pages > 30 {
					break
				}
			}
			if len(seen) < least {
				t.Errorf("%s: %d, want %d", list, len(seen), least)
			}
		}
		for _, id := range ids {
			for _, of := range []string{"", "/factors", "/sessions", "/consents"} {
				d.want(200, "GET /people/"+id+of, nil)
			}
			d.want(200, "POST /people/"+id+"/enable", nil)
		}
	})
}

// TestPeople_TimesThatCannotBeToldSpoilNoPage of the console, nor the download of their data.
func TestPeople_TimesThatCannotBeToldSpoilNoPage(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	ids := odd(t, w.Services().DB)
	b := w.Browser(t)
	signInWith(t, b, w.boss, w.AddAuthenticator(t, w.boss))
	for _, path := range []string{"/admin/people", "/admin/people?disabled=true", "/admin/people?search=odd",
		"/admin/people?since=2001-01-01", "/admin/people/" + ids[0], "/admin/people/" + ids[1]} {
		if b.Get(t, path); b.Status != http.StatusOK {
			t.Errorf("%s: %d %s", path, b.Status, b.Text("main"))
		}
	}
}
