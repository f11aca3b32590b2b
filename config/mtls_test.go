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
		"{url: https://mtls.example.com, " + files + "}":                                                            "needs listen, or header",
		"{url: https://mtls.example.com, listen: '127.0.0.1:9400', " + files + "}":                                  "port of its own",
		"{url: https://mtls.example.com, listen: ':9443', tls: {cert_file: a}}":                                     "server.mtls.tls",
		"{url: 'https:', listen: ':9443', " + files + "}":                                                           "server.mtls.url",
		"{url: 'https://a:b@mtls.example.com', listen: ':9443', " + files + "}":                                     "server.mtls.url",
		"{url: 'https://mtls.example.com?x', listen: ':9443', " + files + "}":                                       "server.mtls.url",
		"{url: '', listen: ''}\nclients: [{client_id: a, token_endpoint_auth_method: self_signed_tls_client_auth}]": "needs server.mtls.url",
		"{url: https://mtls.example.com, listen: ':9443', " + files + "}\nclients: [{client_id: a, token_endpoint_auth_method: " +
			"tls_client_auth}]": "server.mtls.ca_file",
	} {
		_, err := config.Load(config.Sources{Issuer: "https://id.example.com", Environ: []string{"SIGNET_SERVER_TRUSTED_PROXIES=10.0.0.0/8"},
			ReadFile: func(string) ([]byte, error) { return []byte("server:\n  mtls: " + yaml + "\n"), nil }})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", yaml, err)
		}
	}
}

func TestCertificateHeadersComeFromAProxyAlone(t *testing.T) { // RFC 9440 section 4, rule A04
	for _, test := range []struct{ mtls, proxies, want string }{
		{"header: Client-Cert, header_form: rfc9440", "[10.0.0.0/8]", ""},
		{"header: X-Forwarded-Client-Cert, header_form: xfcc, ca_file: ca.pem", "[10.0.0.0/8]", ""},
		{"header: Client-Cert", "[10.0.0.0/8]", "server.mtls.header_form"},
		{"header: Client-Cert, header_form: pem", "[10.0.0.0/8]", "server.mtls.header_form"},
		{"header: Client-Cert, header_form: rfc9440", "[]", "server.trusted_proxies"},
		{"header: Client-Cert, header_form: rfc9440", "[10.0.0.0/8, '::/0']", "from everybody"},
		{"header: Client-Cert, header_form: rfc9440, listen: ':9443'", "[10.0.0.0/8]", "not both"},
		{"header: Client-Cert, header_form: rfc9440, tls: {cert_file: a, key_file: b}", "[10.0.0.0/8]", "server.mtls.tls"},
		{"header: 'Client Cert', header_form: rfc9440", "[10.0.0.0/8]", "not the name"},
		{"header: authorization, header_form: rfc9440", "[10.0.0.0/8]", "another meaning"},
		{"header: Host, header_form: rfc9440", "[10.0.0.0/8]", "another meaning"},
	} {
		_, err := config.Load(config.Sources{Issuer: "https://id.example.com", ReadFile: func(string) ([]byte, error) {
			return []byte("server:\n  trusted_proxies: " + test.proxies + "\n  mtls: {url: https://mtls.example.com, " + test.mtls + "}\n"), nil
		}})
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.mtls, err)
		}
	}
}
