package server_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"signet/clients"
	"signet/config"
	"signet/server/servertest"
)

// TestV06_SlowRequestObjectsHoldNobodyUp: addresses of request objects that do not answer, which anybody can have fetched, take no
// place of what else apps named, nor of the objects of other hosts.
func TestV06_SlowRequestObjectsHoldNobodyUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	const each = 5
	arrived := make(chan bool, 100) // at a host; false = not even that
	app := clients.Metadata{ClientID: "eve", RedirectURIs: []string{"https://eve.example/cb"}}
	for range 4 {
		site := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- true; <-release }))
		t.Cleanup(site.Close)
		app.RequestURIs = append(app.RequestURIs, site.URL+"/r")
	}
	quick := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `["https://app.example/cb"]`)
	}))
	t.Cleanup(quick.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem") // the test's sites have one certificate
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: quick.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), servertest.YAML("registration: {mode: open}\n"),
		servertest.Change(func(c *config.Config) { c.Egress.AllowHosts, c.Egress.CAFile = []string{"127.0.0.1"}, ca }))
	s.App(t, "eve", func(m *clients.Metadata) { m.RequestURIs, m.RedirectURIs = app.RequestURIs, app.RedirectURIs })
	open := func(address string) *servertest.Browser {
		return s.Browser(t).Get(t, "/oauth2/authorize?"+url.Values{"client_id": {"eve"}, "redirect_uri": app.RedirectURIs, "scope": {"openid"},
			"response_type": {"code"}, "request_uri": {address}}.Encode())
	}
	var all sync.WaitGroup
	for _, address := range app.RequestURIs {
		for range each {
			all.Go(func() { open(address); arrived <- false })
		}
	}
	for range each * len(app.RequestURIs) { // all wait for hosts that do not answer
		if !<-arrived {
			t.Error("a request object of another host was not asked for")
		}
	}
	body, err := json.Marshal(map[string]any{"redirect_uris": []string{"https://app.example/cb"}, "subject_type": "pairwise",
		"sector_identifier_uri": quick.URL + "/sector"})
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.HTTP.Post(s.URL+"/oauth2/register", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if raw, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusCreated {
		t.Errorf("a sector: %d %s", res.StatusCode, raw)
	}
	close(release)
	all.Wait()
}
