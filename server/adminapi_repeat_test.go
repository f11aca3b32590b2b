package server_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/clients"
	"signet/server/servertest"
	"signet/storage"
)

// TestADM60_ARepeatedRequestIsCarriedOutOnce: the same key and request get the same answer, secret included, and nothing is done again.
func TestADM60_ARepeatedRequestIsCarriedOutOnce(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		d := newAdminAPI(t, engine)
		shop := map[string]any{"client_name": "Shop", "redirect_uris": []string{"https://shop.example/cb"}}
		const key = "Idempotency-Key: 8e03978e-40d5-43dd-bc93-6894a57f9324"
		first := d.want(201, "POST /clients", shop, key)
		if d.head.Get("Idempotent-Replayed") != "" {
			t.Error("the first answer says that it is a repetition")
		}
		again := d.want(201, "POST /clients", shop, key)
		if fmt.Sprint(first) != fmt.Sprint(again) || first["client_secret"] == nil || d.head.Get("Idempotent-Replayed") != "true" {
			t.Errorf("first %v, again %v", first, again)
		}
		if list := items(d.want(200, "GET /clients", nil)); len(list) != 1 {
			t.Errorf("%d apps", len(list))
		}
		d.want(422, "POST /clients", map[string]any{"client_name": "Other", "redirect_uris": []string{"https://shop.example/cb"}}, key)
		d.want(422, "POST /people", shop, key)
		id := first["client_id"].(string)
		secret := d.want(200, "POST /clients/"+id+"/secrets", map[string]any{}, "Idempotency-Key: s")
		got := d.want(200, "POST /clients/"+id+"/secrets", map[string]any{}, "Idempotency-Key: s")
		if got["client_secret"] != secret["client_secret"] {
			t.Error("another secret was made")
		}
		d.want(422, "POST /people", map[string]any{"email": "nonsense"}, "Idempotency-Key: p")
		d.want(201, "POST /people", map[string]any{"email": "ada@example.com"}, "Idempotency-Key: p") // what went wrong is forgotten
		d.want(409, "POST /people", map[string]any{"email": "ada@example.com"}, "Idempotency-Key: q")
		d.want(204, "PUT /groups/staff", map[string]any{}, key) // only POST has keys
		for _, wrong := range []string{"", strings.Repeat("x", 256), "ä"} {
			d.want(400, "POST /people", map[string]any{"email": "x@example.com"}, "Idempotency-Key: "+wrong)
		}
		if list := items(d.want(200, "GET /people", nil)); len(list) != 1 {
			t.Errorf("%d people", len(list))
		}
		events, err := d.Services().DB.EventsLike(t.Context(), storage.Event{Name: "client.secret_rotated"}, "", 10)
		if err != nil || len(events) != 1 {
			t.Errorf("%d secrets were made, %v", len(events), err)
		}
	})
}

// TestADM61_RepeatedAtOnce: of many equal requests at once one is carried out; the others are told so, or get its answer.
func TestADM61_RepeatedAtOnce(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		d := newAdminAPI(t, engine)
		var mu sync.Mutex
		counts, ids := map[string]int{}, map[any]bool{}
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() {
				one := *d
				shop := map[string]any{"redirect_uris": []string{"https://shop.example/cb"}}
				status, answer := one.call("POST /clients", shop, "Idempotency-Key: k")
				mu.Lock()
				defer mu.Unlock()
				counts[fmt.Sprintf("%d%s", status, one.head.Get("Idempotent-Replayed"))]++
				if status == 201 {
					ids[answer["client_id"]] = true
				}
			})
		}
		wg.Wait()
		if counts["201"] != 1 || len(ids) != 1 || counts["201"]+counts["201true"]+counts["409"] != 12 {
			t.Errorf("answers %v, apps %d", counts, len(ids))
		}
		if list := items(d.want(200, "GET /clients", nil)); len(list) != 1 {
			t.Errorf("%d apps were made", len(list))
		}
	})
}

// TestADM62_WhoMayRepeat: nobody else gets an answer by its key, nor its own caller who may do less now; and who may do nothing leaves
// nothing.
func TestADM62_WhoMayRepeat(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t)
	shop := map[string]any{"client_id": "shop", "redirect_uris": []string{"https://shop.example/cb"}}
	d.want(201, "POST /clients", shop, "Idempotency-Key: k")
	other, _, err := d.Services().HostToken(t.Context(), "other@host", nil, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	mine := d.token
	d.token = other
	if got := d.want(409, "POST /clients", shop, "Idempotency-Key: k"); strings.Contains(fmt.Sprint(got), "client_secret") {
		t.Errorf("another caller: %v", got)
	}
	d.token = mine
	robot := d.App(t, "robot", func(m *clients.Metadata) {
		m.FirstParty, m.Scope = true, "signet:clients:read signet:clients:write"
		m.GrantTypes, m.ResponseTypes, m.RedirectURIs = []string{clients.ClientCredentials}, nil, nil
	})
	ask := func(scope string) string {
		status, answer := robot.Post(t, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "scope": {scope},
			"resource": {d.URL + "/api/admin"}})
		if status != 200 {
			t.Fatalf("token: %d %v", status, answer)
		}
		return answer["access_token"].(string)
	}
	zoo := map[string]any{"client_id": "zoo", "redirect_uris": []string{"https://zoo.example/cb"}}
	d.token = ask("signet:clients:read signet:clients:write")
	d.want(201, "POST /clients", zoo, "Idempotency-Key: k")
	d.token = ask("signet:clients:write")
	if got := d.want(403, "POST /clients", zoo, "Idempotency-Key: k"); strings.Contains(fmt.Sprint(got), "client_secret") {
		t.Errorf("with a token that permits less: %v", got)
	}
	d.token = ask("signet:clients:read signet:clients:write")
	d.want(201, "POST /clients", zoo, "Idempotency-Key: k")
	less, _, err := d.Services().HostToken(t.Context(), "less@host", []string{"people:read"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	d.token = less
	d.want(403, "POST /clients", shop, "Idempotency-Key: k")
	rows, err := d.Services().DB.DeleteExpired(t.Context(), "idempotency_keys", time.Now().Add(48*time.Hour), 100)
	if err != nil || rows != 2 {
		t.Errorf("%d rows are kept, %v; want those of the two apps that were made", rows, err)
	}
}
