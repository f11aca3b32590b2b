package adminapi

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"signet/server/web"
)

var announcedAt = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// mounted is the API with a table, its document, and what is logged.
func mounted(t *testing.T, table []deprecation) (http.Handler, *huma.OpenAPI, *bytes.Buffer) {
	t.Helper()
	issuer, err := url.Parse("https://id.example/tenant")
	if err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	m := web.NewMux(web.Options{Issuer: issuer, Log: slog.New(slog.NewJSONHandler(log, nil))})
	h := &Handler{o: Options{Issuer: issuer}, issuer: issuer.String(), leaving: table}
	document := h.operations(m)
	return m.Handler(), document, log
}

// TestDeprecationsAreAnnounced: what is deprecated is so in the document; answers of an operation say since when, until when and what
// replaces it, also those that are errors; the log names it. Everything else is as before.
func TestDeprecationsAreAnnounced(t *testing.T) {
	t.Parallel()
	serve, document, log := mounted(t, []deprecation{
		{"listPeople", announcedAt, announcedAt.AddDate(1, 0, 0), "listGroups"},
		{"getClient", announcedAt, announcedAt.AddDate(2, 0, 0), "getPerson"},
		{"deletePerson", announcedAt, announcedAt.AddDate(1, 6, 0), ""},
		{"Person.email", announcedAt, announcedAt.AddDate(1, 0, 0), "Person.username"},
		{"listGroups.limit", announcedAt, announcedAt.AddDate(1, 0, 0), ""},
	})
	const api = "https://id.example/tenant/api/admin/v1"
	about := "<" + api + `/openapi.json>; rel="deprecation"; type="application/openapi+json"`
	for route, want := range map[string]struct {
		sunset string
		links  []string
	}{
		"GET /people":          {"Mon, 29 Nov 2027 12:00:00 GMT", []string{about, "<" + api + `/groups>; rel="successor-version"`}},
		"GET /clients/a%2Fb":   {"Wed, 29 Nov 2028 12:00:00 GMT", []string{about, "<" + api + `/people/a%2Fb>; rel="successor-version"`}},
		"DELETE /people/ada":   {"Mon, 29 May 2028 12:00:00 GMT", []string{about}},
		"GET /groups?limit=10": {},
		"GET /people/ada":      {},
	} {
		method, path, _ := strings.Cut(route, " ")
		r, w := httptest.NewRequest(method, api+path, nil), httptest.NewRecorder()
		log.Reset()
		serve.ServeHTTP(w, r)
		h, since := w.Header(), ""
		if want.sunset != "" {
			since = "@1795953600"
		}
		if w.Code != http.StatusUnauthorized || h.Get("Deprecation") != since || h.Get("Sunset") != want.sunset ||
			!slices.Equal(h.Values("Link"), want.links) {
			t.Errorf("%s: %d %v", route, w.Code, h)
		}
		if logged := strings.Contains(log.String(), `"deprecated":"`); logged != (want.sunset != "") {
			t.Errorf("%s is logged as %s", route, log)
		}
	}
	if op := document.Paths["/people"].Get; !op.Deprecated || !strings.Contains(op.Description, "Use listGroups.") {
		t.Errorf("listPeople is described as %t %q", op.Deprecated, op.Description)
	}
	if f := document.Components.Schemas.Map()["Person"].Properties["email"]; !f.Deprecated ||
		!strings.Contains(f.Description, "may be removed from 2027-11-29 on. Use Person.username.") {
		t.Errorf("Person.email is described as %t %q", f.Deprecated, f.Description)
	}
	for _, p := range document.Paths["/groups"].Get.Parameters {
		if p.Deprecated != (p.Name == "limit") {
			t.Errorf("%s of listGroups is deprecated: %t", p.Name, p.Deprecated)
		}
	}
	if document.Paths["/groups"].Get.Deprecated {
		t.Error("so is listGroups")
	}
}

// TestDeprecationsGiveAYear: what is deprecated stays for twelve months, and what replaces it is there.
func TestDeprecationsGiveAYear(t *testing.T) {
	t.Parallel()
	_, document, _ := mounted(t, nil)
	later := announcedAt.AddDate(3, 0, 0)
	for _, tt := range []struct {
		d  deprecation
		at time.Time
		ok bool
	}{
		{deprecation{"listPeople", announcedAt, announcedAt.AddDate(1, 0, 0), "listGroups"}, announcedAt, true},
		{deprecation{"listPeople", announcedAt, announcedAt.AddDate(0, 11, 29), "listGroups"}, announcedAt, false},
		{deprecation{"listPeople", time.Time{}, announcedAt, ""}, announcedAt, false},
		{deprecation{"listPeople", announcedAt, announcedAt.AddDate(1, 0, 0), "listPersons"}, announcedAt, false},
		{deprecation{"listPersons", announcedAt, announcedAt.AddDate(1, 0, 0), "listPeople"}, announcedAt, false},
		{deprecation{"listPersons", announcedAt, announcedAt.AddDate(1, 0, 0), "listPeople"}, later, true}, // is gone, as was said
		{deprecation{"Person.shoe_size", announcedAt, announcedAt.AddDate(1, 0, 0), ""}, announcedAt, false},
		{deprecation{"listPeople.shoe_size", announcedAt, announcedAt.AddDate(1, 0, 0), ""}, announcedAt, false},
	} {
		if wrong := tt.d.wrong(document, tt.at); (wrong == "") != tt.ok {
			t.Errorf("%v at %v: %q", tt.d, tt.at, wrong)
		}
	}
	for _, d := range deprecated {
		if wrong := d.wrong(document, time.Now()); wrong != "" {
			t.Errorf("%s: %s", d.of, wrong)
		}
	}
}
