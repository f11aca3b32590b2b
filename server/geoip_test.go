package server_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signet/config"
	"signet/internal/geoip"
	"signet/internal/geoip/geoiptest"
	"signet/server"
	"signet/server/servertest"
)

func placesFile(t *testing.T, path, city string) {
	t.Helper()
	raw := geoiptest.Bytes(t, geoiptest.Network{Prefix: "203.0.113.0/24", City: map[string]string{"en": city, "de": city + "-de"},
		Country: map[string]string{"en": "Austria", "de": "Österreich"}})
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(time.Duration(len(city)) * time.Second) // another moment for each
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// TestPlacesOfAddressesAreShown: pages name them in their language, nothing of them is stored, and a replaced file is taken up.
func TestPlacesOfAddressesAreShown(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "places.mmdb")
	placesFile(t, path, "Vienna")
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), servertest.Change(func(c *config.Config) { c.GeoIP.File = path }))
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	b.Agent, b.Address = "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0 Safari/537.36", "203.0.113.7"
	b.Get(t, "/signin").SignIn(t, ada)
	sees := func(page, want string) {
		t.Helper()
		if b.Get(t, page); !strings.Contains(b.Text("main"), want) {
			t.Errorf("%s does not say %q: %s", page, want, b.Text("main"))
		}
	}
	sees("/account/sessions", "Chrome on Linux, Vienna, Austria")
	sees("/account/activity", "Chrome on Linux, Vienna, Austria")
	sees("/account/sessions?lang=de", "Chrome auf Linux, Vienna-de, Österreich")
	all, err := s.Services().Export.Make(t.Context(), ada.ID)
	if err != nil || len(all.Sessions) != 1 || strings.Contains(string(all.Profile.Claims), "Vienna") {
		t.Errorf("%+v, %v", all, err)
	}
	for _, e := range all.Activity {
		if strings.Contains(string(e.Detail), "Vienna") || strings.Contains(e.Network, "Vienna") {
			t.Errorf("%+v", e)
		}
	}
	placesFile(t, path, "Graz")
	if _, err := s.Reload(t.Context(), s.Services().Config); err != nil { // what SIGHUP does
		t.Fatal(err)
	}
	sees("/account/sessions?lang=en", "Chrome on Linux, Graz, Austria")
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reload(t.Context(), s.Services().Config); err != nil {
		t.Fatal(err)
	}
	sees("/account/sessions", "Graz")
	ran := false
	for _, job := range s.Jobs() {
		if job.Name == "geoip" {
			ran = true
			if err := job.Run(t.Context()); !errors.Is(err, geoip.ErrFile) {
				t.Errorf("the job does not tell: %v", err)
			}
		}
	}
	if !ran {
		t.Error("no job looks for a new file")
	}
	b.Address = "192.0.2.9"
	other := s.Browser(t)
	other.Agent, other.Address = b.Agent, b.Address
	other.Get(t, "/signin").SignIn(t, ada).Get(t, "/account/sessions")
	if text := other.Text("main"); !strings.Contains(text, "Network 192.0.2.x") {
		t.Errorf("an address that the file does not know: %s", text)
	}
}

func TestAFileOfPlacesThatCannotBeUsedIsTold(t *testing.T) {
	t.Parallel()
	damaged := filepath.Join(t.TempDir(), "damaged.mmdb")
	if err := os.WriteFile(damaged, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet()).Services().Config
	for _, path := range []string{damaged, filepath.Join(t.TempDir(), "none.mmdb")} {
		c.GeoIP.File = path
		if err := server.Check(c); err == nil || !strings.Contains(err.Error(), "geoip.file: ") || !strings.Contains(err.Error(), path) {
			t.Errorf("%v", err)
		}
	}
}
