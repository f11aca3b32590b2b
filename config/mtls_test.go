package config_test

import (
	"strings"
	"testing"

	"signet/config"
)

func TestMTLSIsAskedForOnItsOwn(t *testing.T) { // RFC 8705 section 5: never where browsers go
	const files = "tls: {cert_file: a, key_file: b}"
	for yaml, want := range map[string]string{
		"{url: https://mtls.example.com, listen: ':9443', " + files + "}":                                           "",
		"{url: https://id.example.com:9443, listen: ':9443', " + files + "}":                                        "",
		"{url: https://mtls.example.com, listen: ':9443'}":                                                          "server.mtls.tls",
		"{listen: ':9443', " + files + "}":                                                                          "server.mtls.url",
		"{url: https://id.example.com, listen: ':9443', " + files + "}":                                             "another host or port",
		"{url: http://mtls.example.com, listen: ':9443', " + files + "}":                                            "server.mtls.url",
		"{url: https://mtls.example.com/, listen: ':9443', " + files + "}":                                          "without path",
		"{url: https://Mtls.example.com, listen: ':9443', " + files + "}":                                           "lower case",
		"{url: https://mtls.example.com:443, listen: ':9443', " + files + "}":                                       "default port",
		"{url: https://mtls.example.com, " + files + "}":                                                            "server.mtls.listen",
		"{url: https://mtls.example.com, listen: '127.0.0.1:9400', " + files + "}":                                  "port of its own",
		"{url: https://mtls.example.com, listen: ':9443', tls: {cert_file: a}}":                                     "server.mtls.tls",
		"{url: 'https:', listen: ':9443', " + files + "}":                                                           "server.mtls.url",
		"{url: 'https://a:b@mtls.example.com', listen: ':9443', " + files + "}":                                     "server.mtls.url",
		"{url: 'https://mtls.example.com?x', listen: ':9443', " + files + "}":                                       "server.mtls.url",
		"{url: '', listen: ''}\nclients: [{client_id: a, token_endpoint_auth_method: self_signed_tls_client_auth}]": "needs server.mtls.url",
		"{url: https://mtls.example.com, listen: ':9443', " + files + "}\nclients: [{client_id: a, token_endpoint_auth_method: " +
			"tls_client_auth}]": "server.mtls.ca_file",
	} {
		_, err := config.Load(config.Sources{Issuer: "https://id.example.com",
			ReadFile: func(string) ([]byte, error) { return []byte("server:\n  mtls: " + yaml + "\n"), nil }})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", yaml, err)
		}
	}
}
