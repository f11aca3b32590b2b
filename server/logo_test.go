package server_test

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/config"
	"signet/server/servertest"
	"signet/storage"
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

// TestRFC7591_2_2_ALogoOfALanguage is fetched on its own, and shown from our host on pages of that language in place of the plain one. The
// address that the registration has is on no page.
func TestRFC7591_2_2_ALogoOfALanguage(t *testing.T) {
	servertest.Engines(t, logoOfALanguage)
}

func logoOfALanguage(t *testing.T, engine servertest.Option) {
	var raw bytes.Buffer
	if err := png.Encode(&raw, image.NewRGBA(image.Rect(0, 0, 40, 40))); err != nil {
		t.Fatal(err)
	}
	s := servertest.New(t, servertest.HandlerOnly(), engine)
	app := s.App(t, "shop", func(m *clients.Metadata) {
		m.LogoURI = "https://shop.example/logo.png"
		m.Localized = map[string]string{"logo_uri#de": "https://shop.example/de.png", "logo_uri#fr": "https://shop.example/fr.png",
			"client_name#de": "Laden"}
	})
	logos, uris := s.Services().Logos, s.Services().Clients.LogoURIs()
	if len(uris) != 3 || uris["shop de"] != "https://shop.example/de.png" || uris["shop"] != "https://shop.example/logo.png" {
		t.Fatalf("to be fetched: %v", uris)
	}
	for id, hash := range map[string]string{"shop": "aaaa", "shop de": "bbbb", "shop fr": ""} { // the French one could not be had
		l := storage.Logo{ClientID: id, URI: uris[id], Hash: hash, Picture: raw.Bytes(), DueAt: time.Now().Add(time.Hour)}
		if err := s.Services().DB.PutLogo(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	if err := logos.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string]string{"en": "/logos/shop/aaaa", "de": "/logos/shop%20de/bbbb", "fr": "/logos/shop/aaaa"} {
		b := s.Browser(t)
		app.Begin(t, b, oauth2.SetAuthURLParam("ui_locales", lang))
		if !strings.Contains(b.Body, `src="`+want+`"`) || strings.Contains(b.Body, ".png") {
			t.Errorf("%s: %s", lang, b.Body)
		}
		if b.Get(t, want); b.Status != http.StatusOK || b.Body != raw.String() {
			t.Errorf("%s: %d", want, b.Status)
		}
	}
	if err := s.Services().Clients.Delete(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if err := logos.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows, err := s.Services().DB.Logos(t.Context()); err != nil || len(rows) != 0 {
		t.Errorf("%d logos of nobody, %v", len(rows), err)
	}
}

// TestLogosOfLanguagesAreBounded: who registers a hundred translations has twenty pictures fetched.
func TestLogosOfLanguagesAreBounded(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	s.App(t, "shop", func(m *clients.Metadata) {
		m.Localized = map[string]string{}
		for i := range 100 {
			m.Localized["logo_uri#de-"+strconv.Itoa(i)] = "https://shop.example/l" + strconv.Itoa(i)
		}
	})
	if list := s.Services().Clients.LogoURIs(); len(list) != 20 {
		t.Errorf("%d to be fetched", len(list))
	}
}
