package geoip_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/internal/geoip"
	"signet/internal/geoip/geoiptest"
)

var (
	vienna = geoiptest.Network{Prefix: "203.0.113.0/24", City: map[string]string{"en": "Vienna", "de": "Wien", "pt-BR": "Viena"},
		Country: map[string]string{"en": "Austria", "de": "Österreich"}}
	country = geoiptest.Network{Prefix: "2001:db8::/32", Country: map[string]string{"en": "Germany"}}
	empty   = geoiptest.Network{Prefix: "198.51.100.0/24"}
)

func write(t *testing.T, raw []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "places.mmdb")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAddressesAndNetworksAreNamedInTheLanguageOfThePage(t *testing.T) {
	t.Parallel()
	f, err := geoip.Open(write(t, geoiptest.Bytes(t, empty, vienna, country)))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range [][4]string{
		{"203.0.113.9", "en", "Vienna", "Austria"},
		{"203.0.113.0/24", "de", "Wien", "Österreich"},
		{"203.0.113.9", "de-AT", "Wien", "Österreich"},
		{"::ffff:203.0.113.9", "pt-BR", "Viena", "Austria"},
		{"203.0.113.9", "ar", "Vienna", "Austria"},
		{"203.0.113.9", "", "Vienna", "Austria"},
		{"2001:db8:1::/48", "fr", "", "Germany"},
		{"2001:db8::1%eth0", "fr", "", "Germany"},
		{"198.51.100.7", "en", "", ""},
		{"192.0.2.1", "en", "", ""},
		{"127.0.0.1", "en", "", ""},
		{"", "en", "", ""},
		{"somewhere", "en", "", ""},
		{"203.0.113.0/99", "en", "", ""},
	} {
		if city, country := f.Where(tt[0], tt[1]); city != tt[2] || country != tt[3] {
			t.Errorf("%s in %q: %q, %q", tt[0], tt[1], city, country)
		}
	}
	if got := f.Described(); got != "Test-City, built 2026-11-20" || !f.Built().Equal(geoiptest.Built) {
		t.Errorf("%s, %s", got, f.Built())
	}
}

// TestFilesOfAllSizes: records of each size, and more data than a short pointer reaches.
func TestFilesOfAllSizes(t *testing.T) {
	t.Parallel()
	var list []geoiptest.Network
	for i := range 200 {
		n := geoiptest.Network{Prefix: fmt.Sprintf("203.0.%d.0/24", i), Country: vienna.Country,
			City: map[string]string{"en": fmt.Sprintf("City %d %s", i, strings.Repeat("x", i%40))}}
		list = append(list, n)
	}
	for _, bits := range []int{24, 28, 32} {
		f, err := geoip.Open(write(t, geoiptest.Sized(t, bits, append(list, country)...)))
		if err != nil {
			t.Fatalf("%d bits: %v", bits, err)
		}
		for i, n := range list {
			if city, country := f.Where(n.Prefix, "de"); city != n.City["en"] || country != "Österreich" {
				t.Errorf("%d bits, network %d: %q, %q", bits, i, city, country)
			}
		}
		if _, country := f.Where("2001:db8::1", "en"); country != "Germany" {
			t.Errorf("%d bits: %q", bits, country)
		}
	}
}

func TestAFileThatCannotBeUsedIsTold(t *testing.T) {
	t.Parallel()
	good := geoiptest.Bytes(t, vienna)
	for name, raw := range map[string][]byte{
		"nothing": nil, "text": []byte(strings.Repeat("no database\n", 100)), "cut at the end": good[:len(good)-20],
		"end alone": good[bytes.Index(good, []byte("\xab\xcd\xef")):], "no places": geoiptest.Bytes(t, empty), "no networks": geoiptest.Bytes(t),
	} {
		if _, err := geoip.Open(write(t, raw)); !errors.Is(err, geoip.ErrFile) || !strings.Contains(err.Error(), "places.mmdb") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := geoip.Open(filepath.Join(t.TempDir(), "none.mmdb")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := geoip.Open(t.TempDir()); err == nil {
		t.Error("a directory is a file")
	}
}

func TestAFileThatIsReplacedIsTakenUp(t *testing.T) {
	t.Parallel()
	path := write(t, geoiptest.Bytes(t, vienna))
	f, err := geoip.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 { // who asks meanwhile gets an answer of one of both
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if _, country := f.Where("203.0.113.1", "en"); country != "Austria" && country != "Germany" {
						t.Errorf("got %q", country)
						return
					}
				}
			}
		})
	}
	put := func(raw []byte, at time.Time) {
		t.Helper()
		if err := os.WriteFile(path, raw, 0o600); err != nil { // written over, not renamed
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	moved := vienna
	moved.City, moved.Country = nil, map[string]string{"en": "Germany"}
	now := time.Now()
	put([]byte("not all of it"), now.Add(time.Second))
	if err := f.Look(); !errors.Is(err, geoip.ErrFile) {
		t.Errorf("a damaged one: %v", err)
	}
	if city, _ := f.Where("203.0.113.1", "en"); city != "Vienna" {
		t.Errorf("the one before is gone: %q", city)
	}
	put(geoiptest.Bytes(t, moved), now.Add(2*time.Second))
	if err := f.Look(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := f.Look(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
	if city, country := f.Where("203.0.113.1", "en"); city != "" || country != "Germany" {
		t.Errorf("%q, %q", city, country)
	}
	close(stop)
	readers.Wait()
}

// FuzzFile: whatever a file holds, a lookup answers.
func FuzzFile(f *testing.F) {
	f.Add(geoiptest.Bytes(f, vienna, country, empty), "203.0.113.1")
	f.Add(geoiptest.Bytes(f), "2001:db8::1")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, raw []byte, address string) {
		path := filepath.Join(dir, "places.mmdb")
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := geoip.Open(path)
		if err != nil {
			return
		}
		file.Where(address, "de")
		file.Where("203.0.113.1", "en")
	})
}
