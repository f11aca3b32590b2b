package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/config"
	"signet/internal/geoip/geoiptest"
)

func TestDoctorLooksAtTheFileOfPlaces(t *testing.T) {
	t.Parallel()
	if got := lookAtGeoIP(config.Config{}); got != nil {
		t.Errorf("none is configured: %v", got)
	}
	path := filepath.Join(t.TempDir(), "places.mmdb")
	c := config.Config{GeoIP: config.GeoIP{File: path}}
	if got := lookAtGeoIP(c); len(got) != 1 || got[0].OK || !strings.Contains(got[0].Text, "geoip.file") {
		t.Errorf("it is not there: %v", got)
	}
	raw := geoiptest.Bytes(t, geoiptest.Network{Prefix: "203.0.113.0/24", Country: map[string]string{"en": "Austria"}})
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(geoiptest.Built) + time.Hour)
		if got := lookAtGeoIP(c); len(got) != 1 || !got[0].OK || got[0].Text != "Test-City, built 2026-11-20" {
			t.Errorf("%v", got)
		}
		time.Sleep(100 * 24 * time.Hour)
		if got := lookAtGeoIP(c); len(got) != 1 || !got[0].OK || !strings.Contains(got[0].Text, "is 100 days old") {
			t.Errorf("%v", got)
		}
	})
}
