package web_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"signet/server/web"
)

func TestV01_UnsafeRoutesSayWhatTheyTouch(t *testing.T) {
	f := func(http.ResponseWriter, *http.Request) error { return nil }
	d := open(t, "https://id.example/tenant", func(m *web.Mux) {
		m.Page("GET /page", f)
		m.Page("GET /callback", f, web.LinkedLogin)
		m.Page("POST /page", f, web.Password, web.TrustedBrowser)
		m.Page("POST /quiet", f, web.Nothing)
		m.Page("POST /both", f, web.Nothing, web.Passkey)
		m.Page("DELETE /page", f)
		m.CrossSitePage("POST /cross", "a test", f)
		m.API("PUT /api", web.PublicCORS, f)
		m.API("PATCH /api", web.NoCORS, f, web.Nothing)
		m.Root("POST /root", web.NoCORS, f)
	})
	want := []string{"POST /tenant/both", "DELETE /tenant/page", "POST /tenant/cross", "PUT /tenant/api", "POST /root"}
	if got := d.mux.Undeclared(); !slices.Equal(got, want) {
		t.Errorf("undeclared %q, want %q", got, want)
	}
	got := d.mux.Touches()
	declared := []string{"GET /tenant/callback", "PATCH /tenant/api", "POST /tenant/both", "POST /tenant/page", "POST /tenant/quiet"}
	if paths := slices.Sorted(maps.Keys(got)); !slices.Equal(paths, declared) {
		t.Errorf("declared %q, want %q", paths, declared)
	}
	if !slices.Equal(got["POST /tenant/page"], []web.Touch{web.Password, web.TrustedBrowser}) {
		t.Errorf("page touches %q", got["POST /tenant/page"])
	}
}
