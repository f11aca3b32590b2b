package server_test

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"signet/clients"
	"signet/config"
	"signet/server/servertest"
)

func TestM06_AnAppsLogoComesFromOurHost(t *testing.T) {
	var raw bytes.Buffer
	if err := png.Encode(&raw, image.NewRGBA(image.Rect(0, 0, 40, 40))); err != nil {
		t.Fatal(err)
	}
	theirs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(raw.Bytes())
	}))
	defer theirs.Close()
	there, _ := url.Parse(theirs.URL)
	s := servertest.New(t, servertest.Change(func(c *config.Config) { c.Egress.AllowHosts = []string{there.Hostname()} }))
	ada := s.Person(t, "ada@example.com")
	app := s.App(t, "shop", func(m *clients.Metadata) { m.LogoURI = "https://shop.example/logo.png" })
	c, err := s.Services().Clients.Client(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	c.LogoURI = theirs.URL + "/logo.png" // registrations take https only; the test's server has none
	if err := s.Services().Logos.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := s.Browser(t)
	app.Begin(t, b)
	b.SignIn(t, ada)
	if strings.Contains(b.Body, "shop.example/logo.png") {
		t.Error("the page loads a picture from the app's host")
	}
	if answer, err := s.HTTP.Get(s.URL + "/logos/shop/0000"); err != nil || answer.StatusCode != http.StatusNotFound {
		t.Errorf("a picture that is not there: %v, %v", answer.StatusCode, err)
	} else {
		answer.Body.Close()
	}
}
