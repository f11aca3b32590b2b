package server_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/server/servertest"
)

// TestADM26_AStepIsOnWhatItWasPlannedOn, gives nobody more, and tells no secret.
func TestADM26_AStepIsOnWhatItWasPlannedOn(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		d := newAdminAPI(t, engine)
		group := func(description string) map[string]any {
			return map[string]any{"name": "eu/staff", "description": description}
		}
		step := map[string]any{"kind": "groups", "key": "eu/staff", "owner": "team", "after": group("all"), "applied": group("all")}
		d.want(204, "POST /steps:check", step)
		if list := items(d.want(200, "GET /managed", nil)); len(list) != 0 {
			t.Errorf("a check wrote %v", list)
		}
		d.want(204, "POST /steps", step)
		d.want(412, "POST /steps", step)
		row := items(d.want(200, "GET /managed?limit=1", nil))[0].(map[string]any)
		if row["owner"] != "team" || row["key"] != "eu/staff" || row["applied"].(map[string]any)["description"] != "all" {
			t.Errorf("managed: %v", row)
		}
		change := map[string]any{"kind": "groups", "key": "eu/staff", "owner": "team", "before": group("all"), "version": row["version"],
			"after": group("some"), "applied": group("some")}
		var wg sync.WaitGroup
		codes := make([]int, 6)
		for i := range codes {
			wg.Go(func() { one := *d; codes[i], _ = one.call("POST /steps", change) })
		}
		wg.Wait()
		done := 0
		for _, code := range codes {
			if code == 204 {
				done++
			} else if code != 412 {
				t.Errorf("answered %d", code)
			}
		}
		if done != 1 {
			t.Errorf("one step was carried out %d times: %v", done, codes)
		}
		d.want(422, "GET /managed?after=nonsense", nil)

		secret := strings.Repeat("0123456789", 5)
		shop := map[string]any{"client_id": "shop", "redirect_uris": []string{"https://shop.example/cb"}}
		d.want(204, "POST /steps", map[string]any{"kind": "clients", "key": "shop", "owner": "team", "after": shop, "applied": shop,
			"client_secret": secret})
		state := d.want(200, "POST /clients/shop/secret-state", map[string]any{"client_secret": secret})
		if state["valid"] != true || state["applied"] != true {
			t.Errorf("%v", state)
		}
		for _, path := range []string{"/managed", "/clients/shop", "/events?limit=200"} {
			if raw, _ := json.Marshal(d.want(200, "GET "+path, nil)); strings.Contains(string(raw), secret) {
				t.Errorf("%s tells the secret", path)
			}
		}
	})
}

// TestADM27_StepsThatMeanSomethingElse are refused, and leave nothing.
func TestADM27_StepsThatMeanSomethingElse(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t)
	d.want(201, "POST /clients", map[string]any{"client_id": "shop", "redirect_uris": []string{"https://shop.example/cb"}})
	group, client := `{"name":"a"}`, `{"client_id":"shop","redirect_uris":["https://shop.example/cb"]}`
	for body, want := range map[string]int{
		`{"kind":"people","key":"a","owner":"o"}`:                                                                          422,
		`{"kind":"groups","key":"b","owner":"o","after":` + group + `,"applied":` + group + `}`:                            422, // another's key
		`{"kind":"groups","key":"a","owner":"o p","after":` + group + `,"applied":` + group + `}`:                          422,
		`{"kind":"groups","key":"a","owner":"o","after":{"name":"a","Description":"x"},"applied":` + group + `}`:           422,
		`{"kind":"groups","key":"a","owner":"o","after":{"name":"a","name":"b"},"applied":` + group + `}`:                  422,
		`{"kind":"groups","key":"a","owner":"o","after":` + group + `,"applied":{"name":"b"}}`:                             422,
		`{"kind":"groups","key":"a","owner":"o","after":` + group + `}`:                                                    422, // kept by nobody
		`{"kind":"groups","key":"a","owner":"o","applied":` + group + `}`:                                                  422, // keeps nothing
		`{"kind":"groups","key":"a","owner":"o","version":5}`:                                                              412,
		`{"kind":"groups","key":"a","owner":"o","before":` + group + `}`:                                                   422,
		`{"kind":"groups","key":"a","owner":"o","before":` + group + `,"after":` + group + `,"applied":` + group + `}`:     412,
		`{"kind":"clients","key":"shop","owner":"o","after":` + client + `,"applied":` + client + `}`:                      412, // it is there
		`{"kind":"clients","key":"new","owner":"o","after":{"client_id":"new","client_secret":"x"},"applied":{}}`:          422,
		`{"kind":"groups","key":"a","owner":"o","after":` + group + `,"applied":` + group + `,"client_secret":"x"}`:        422,
		`{"kind":"roles","key":"admin","owner":"o","after":{"name":"admin"},"applied":{"name":"admin"}}`:                   409,
		`{"kind":"roles","key":"r","owner":"o","after":{"name":"r","permissions":["x"]},"applied":{"name":"r"}}`:           422,
		`{"kind":"groups","key":"a","owner":"o","after":` + group + `,"applied":` + group + `,"more":1}`:                   422,
		`{"kind":"groups","key":"a","owner":"o","after":{"name":"a","description":"` + strings.Repeat("x", 70_000) + `"}}`: 413,
	} {
		if status, answer := d.call("POST /steps", body); status != want {
			t.Errorf("%.120s: %d %v, want %d", body, status, answer, want)
		}
	}
	if list := items(d.want(200, "GET /managed", nil)); len(list) != 0 {
		t.Errorf("left %v", list)
	}
	d.want(404, "GET /clients/"+url.PathEscape("new"), nil)

	for _, permissions := range [][]string{{"clients:read", "people:read"}, {"apply"}, {"apply", "clients:write"}, {"groups:write"}} {
		token, _, err := d.Services().HostToken(t.Context(), "root@host", permissions, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		d.token = token
		d.want(403, "POST /steps", `{"kind":"groups","key":"a","owner":"o","after":`+group+`,"applied":`+group+`}`)
		d.want(403, "POST /clients/shop/secret-state", `{"client_secret":"x"}`)
	}
}
