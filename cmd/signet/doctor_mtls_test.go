package main

import (
	"errors"
	"strings"
	"testing"

	"signet/config"
	"signet/internal/egress"
)

// A header that an outsider sent must not reach the server: doctor sends one that cannot be read, which the server refuses if it sees it.
func TestDoctorSeesAHeaderOfOutsidersComeThrough(t *testing.T) { // RFC 9440 section 4
	for _, test := range []struct {
		name, header, body string
		err                error
		runs, ok           bool
		says               string
	}{
		{"listener", "", `{"error":"invalid_client"}`, nil, true, true, "answers"},
		{"dropped", "Client-Cert", `{"error":"invalid_client"}`, nil, true, true, "drops Client-Cert"},
		{"passed on", "Client-Cert", `{"error":"invalid_request"}`, nil, true, false, "whoever sends one is any app"},
		{"refused at the listener", "", `{"error":"invalid_request"}`, nil, true, false, "not Signet's answer"},
		{"a page", "Client-Cert", `<html>400 No required SSL certificate was sent</html>`, nil, true, false, "demand none"},
		{"nothing there", "", "", errors.New("refused"), true, false, "no answer"},
		{"nothing there, stopped", "", "", errors.New("refused"), false, true, "is stopped"},
	} {
		var c config.Config
		c.Server.MTLS.Header = test.header
		f := judgeMTLS(c, "https://mtls.example.com/oauth2/token", test.runs, egress.Response{Status: 400, Body: []byte(test.body)}, test.err)
		if f.OK != test.ok || !strings.Contains(f.Text, test.says) {
			t.Errorf("%s: %+v", test.name, f)
		}
	}
}
