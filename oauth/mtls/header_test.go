package mtls_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/url"
	"strings"
	"testing"

	"signet/oauth/mtls"
	"signet/oauth/mtls/mtlstest"
)

// appendixA is the certificate of RFC 8705 appendix A, of which it says x5t#S256.
const appendixA = `-----BEGIN CERTIFICATE-----
MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAx
ODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqG
SM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ
/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwID
SQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOV
bUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=
-----END CERTIFICATE-----
`

// header9440 is the header of RFC 9440 appendix A, and of RFC 9421 section 4.3.
const header9440 = ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVk" +
	"aWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/In" +
	"cWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSE" +
	"D2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL" +
	"6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:"

func TestRFC8705_Thumbprint(t *testing.T) { // section 3.1, appendix A
	block, _ := pem.Decode([]byte(appendixA))
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if got := (&mtls.Certificate{Leaf: leaf}).Thumbprint(); got != "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0" {
		t.Errorf("got %s", got)
	}
	if (*mtls.Certificate)(nil).Thumbprint() != "" {
		t.Error("none has a thumbprint")
	}
}

func TestConfirmation(t *testing.T) { // RFC 8705 section 3.1, RFC 9449 section 6.1
	for want, by := range map[string][2]string{
		"": {}, `{"jkt":"a"}`: {"a", ""}, `{"x5t#S256":"b"}`: {"", "b"}, `{"jkt":"a","x5t#S256":"b"}`: {"a", "b"},
	} {
		if got := string(mtls.Confirmation(by[0], by[1])); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestHeadersOfProxies(t *testing.T) {
	ca := mtlstest.Authority(t, "Company")
	leaf := ca.Sign(t, "app")
	der := func(p mtlstest.Pair) string { return base64.StdEncoding.EncodeToString(p.Raw) }
	escaped := func(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
	two := string(leaf.PEM()) + string(ca.PEM())
	six := strings.TrimSuffix(strings.Repeat(der(leaf)+",", 6), ",")
	for _, test := range []struct {
		name         string
		form         mtls.Form
		lines, chain []string
		length       int // with the chain; 0 = none was sent, -1 = refused
	}{
		{"none", mtls.RFC9440, nil, nil, 0},
		{"empty", mtls.RFC9440, []string{""}, nil, 0},
		{"empty item", mtls.RFC9440, []string{"::"}, nil, 0},
		{"item", mtls.RFC9440, []string{":" + der(leaf) + ":"}, nil, 1},
		{"of RFC 9440", mtls.RFC9440, []string{header9440}, nil, 1},
		{"with a chain", mtls.RFC9440, []string{":" + der(leaf) + ":"}, []string{":" + der(ca) + ":, :" + der(ca) + ":"}, 3},
		{"with a chain in lines", mtls.RFC9440, []string{":" + der(leaf) + ":"}, []string{":" + der(ca) + ":", ":" + der(ca) + ":"}, 3},
		{"a chain alone", mtls.RFC9440, nil, []string{":" + der(ca) + ":"}, 0},
		{"two lines", mtls.RFC9440, []string{":" + der(leaf) + ":", ":" + der(leaf) + ":"}, nil, -1},
		{"two items", mtls.RFC9440, []string{":" + der(leaf) + ":, :" + der(leaf) + ":"}, nil, -1},
		{"with parameters", mtls.RFC9440, []string{":" + der(leaf) + ":;a=b"}, nil, -1},
		{"not base64", mtls.RFC9440, []string{":!:"}, nil, -1},
		{"not a certificate", mtls.RFC9440, []string{":AAAA:"}, nil, -1},
		{"with a byte more", mtls.RFC9440, []string{":" + base64.StdEncoding.EncodeToString(append([]byte(leaf.Raw), 0)) + ":"}, nil, -1},
		{"a malformed chain", mtls.RFC9440, []string{":" + der(leaf) + ":"}, []string{"x"}, -1},
		{"a long chain", mtls.RFC9440, []string{":" + der(leaf) + ":"}, []string{strings.TrimSuffix(strings.Repeat(":"+der(ca)+":,", 9), ",")},
			-1},
		{"another form", mtls.RFC9440, []string{escaped(string(leaf.PEM()))}, nil, -1},

		{"nginx", mtls.PEMURLEncoded, []string{escaped(string(leaf.PEM()))}, nil, 1},
		{"a load balancer's, + as it is", mtls.PEMURLEncoded, []string{strings.NewReplacer("%2B", "+", "%2F", "/", "%3D", "=").Replace(
			escaped(two))}, nil, 2},
		{"line breaks as blanks", mtls.PEMURLEncoded, []string{strings.ReplaceAll(string(leaf.PEM()), "\n", " ")}, nil, 1},
		{"Traefik", mtls.PEMURLEncoded, []string{der(leaf)}, nil, 1},
		{"Traefik, escaped, two", mtls.PEMURLEncoded, []string{url.QueryEscape(der(leaf) + "," + der(ca))}, nil, 2},
		{"two lines, escaped", mtls.PEMURLEncoded, []string{der(leaf), der(leaf)}, nil, -1},
		{"bad escape", mtls.PEMURLEncoded, []string{"%zz"}, nil, -1},
		{"no end", mtls.PEMURLEncoded, []string{"-----BEGIN CERTIFICATE-----" + der(leaf)}, nil, -1},
		{"something behind", mtls.PEMURLEncoded, []string{escaped(string(leaf.PEM()) + "x")}, nil, -1},
		{"something before", mtls.PEMURLEncoded, []string{escaped("x" + string(leaf.PEM()))}, nil, -1},
		{"a private key", mtls.PEMURLEncoded, []string{escaped("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")}, nil, -1},
		{"too many", mtls.PEMURLEncoded, []string{six}, nil, -1},
		{"too long", mtls.PEMURLEncoded, []string{strings.Repeat("A", 1<<20)}, nil, -1},

		{"Envoy", mtls.XFCC,
			[]string{`By=spiffe://a;Hash=00;Cert="` + escaped(string(leaf.PEM())) + `";Subject="CN=\"a\", O=b";URI=spiffe://c`}, nil, 1},
		{"Envoy with the chain", mtls.XFCC, []string{`Cert="` + escaped(string(leaf.PEM())) + `";Chain="` + escaped(two) + `"`}, nil, 2},
		{"Envoy without the certificate", mtls.XFCC, []string{`By=spiffe://a;Hash=00`}, nil, -1},
		{"two elements", mtls.XFCC, []string{`Cert="` + escaped(string(leaf.PEM())) + `",Cert="` + escaped(string(leaf.PEM())) + `"`}, nil, -1},
		{"an element before it", mtls.XFCC, []string{`By=x,Cert="` + escaped(string(leaf.PEM())) + `"`}, nil, -1},
		{"twice in one", mtls.XFCC, []string{`Cert="` + escaped(string(leaf.PEM())) + `";cert="` + escaped(string(leaf.PEM())) + `"`}, nil, -1},
		{"a certificate inside a name", mtls.XFCC, []string{`Subject="CN=a\";Cert=` + escaped(string(leaf.PEM())) + `"`}, nil, -1},
		{"no closing quote", mtls.XFCC, []string{`Cert="` + escaped(string(leaf.PEM()))}, nil, -1},
		{"no pairs", mtls.XFCC, []string{"x"}, nil, -1},
		{"unknown form", "x", []string{"x"}, nil, -1},
	} {
		c, err := mtls.OfHeader(test.form, test.lines, test.chain)
		switch {
		case (err != nil) != (test.length < 0), (c != nil) != (test.length > 0):
			t.Errorf("%s: %v, %v", test.name, c, err)
		case c != nil && len(c.Chain)+1 != test.length:
			t.Errorf("%s: %d certificates", test.name, len(c.Chain)+1)
		case c != nil && test.lines[0] != header9440 && !c.Leaf.Equal(leaf.Certificate):
			t.Errorf("%s: the wrong certificate", test.name)
		}
	}
	if c, _ := mtls.OfHeader(mtls.RFC9440, []string{header9440}, nil); c == nil || c.Leaf.Subject.CommonName != "BC" {
		t.Errorf("RFC 9440: %v", c)
	}
}

func TestAuthorities(t *testing.T) {
	ca := mtlstest.Authority(t, "Company")
	for name, test := range map[string]struct {
		file string
		good bool
	}{
		"one":            {string(ca.PEM()), true},
		"two":            {string(ca.PEM()) + "text between\n" + string(ca.PEM()), true},
		"none":           {"", false},
		"a client's":     {string(ca.PEM()) + string(ca.Sign(t, "app").PEM()), false},
		"a private key":  {string(ca.PEM()) + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", false},
		"malformed":      {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", false},
		"no CA bit":      {string(mtlstest.Authority(t, "x", func(c *x509.Certificate) { c.IsCA = false }).PEM()), false},
		"no constraints": {string(mtlstest.SelfSigned(t, "x").PEM()), false},
	} {
		if _, err := mtls.ParseAuthorities([]byte(test.file)); (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzOfHeader(f *testing.F) {
	leaf := mtlstest.SelfSigned(f, "app")
	f.Add(uint8(0), ":"+base64.StdEncoding.EncodeToString(leaf.Raw)+":", ":"+base64.StdEncoding.EncodeToString(leaf.Raw)+":")
	f.Add(uint8(1), url.PathEscape(string(leaf.PEM())), "")
	f.Add(uint8(2), `By=a;Cert="`+url.PathEscape(string(leaf.PEM()))+`";Chain="x";Subject="a\"b"`, "")
	f.Fuzz(func(t *testing.T, form uint8, line, chain string) {
		forms := mtls.Forms()
		c, err := mtls.OfHeader(forms[int(form)%len(forms)], []string{line}, []string{chain})
		if c != nil && (err != nil || c.Leaf == nil || len(c.Chain) > 4 || c.Thumbprint() == "") {
			t.Errorf("%v, %v", c, err)
		}
	})
}
