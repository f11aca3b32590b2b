package dn_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"signet/internal/dn"
)

func der(t testing.TB, sets ...pkix.RelativeDistinguishedNameSET) []byte {
	t.Helper()
	raw, err := asn1.Marshal(pkix.RDNSequence(sets))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func set(pairs ...any) (s pkix.RelativeDistinguishedNameSET) {
	for i := 0; i < len(pairs); i += 2 {
		s = append(s, pkix.AttributeTypeAndValue{Type: pairs[i].(asn1.ObjectIdentifier), Value: pairs[i+1]})
	}
	return s
}

var (
	cn = asn1.ObjectIdentifier{2, 5, 4, 3}
	o  = asn1.ObjectIdentifier{2, 5, 4, 10}
	ou = asn1.ObjectIdentifier{2, 5, 4, 11}
	c  = asn1.ObjectIdentifier{2, 5, 4, 6}
	dc = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}
)

// utf8 and ia5 are the same text in encodings other than the one that Go would choose.
func encoded(tag int, text string) asn1.RawValue { return asn1.RawValue{Tag: tag, Bytes: []byte(text)} }

func TestNamesAreComparedByWhatTheySay(t *testing.T) { // RFC 4514 sections 2 to 4, RFC 8705 section 2.1.2
	shop := der(t, set(c, "DE"), set(o, "Example"), set(cn, "shop"))
	for _, test := range []struct {
		name, text string
		der        []byte
		same       bool
	}{
		{"plain", "CN=shop,O=Example,C=DE", shop, true},
		{"blanks of openssl", "CN = shop, O = Example, C = DE", shop, true},
		{"types in lower case", "cn=shop,o=Example,c=DE", shop, true},
		{"types as numbers", "2.5.4.3=shop,2.5.4.10=Example,2.5.4.6=DE", shop, true},
		{"hexadecimal value", "CN=#0C0473686F70,O=Example,C=DE", shop, true},
		{"escaped characters", `CN=\73h\6fp,O=Example,C=DE`, shop, true},
		{"other encoding", "CN=shop,O=Example,C=DE", der(t, set(c, "DE"), set(o, encoded(asn1.TagUTF8String, "Example")),
			set(cn, encoded(asn1.TagIA5String, "shop"))), true},
		{"order of the certificate", "C=DE,O=Example,CN=shop", shop, false},
		{"beginning only", "CN=shop,O=Example", shop, false},
		{"more", "CN=shop,OU=x,O=Example,C=DE", shop, false},
		{"capitals of a value", "CN=Shop,O=Example,C=DE", shop, false},
		{"another type", "OU=shop,O=Example,C=DE", shop, false},
		{"comma in a value", `CN=shop\,O=Example`, der(t, set(cn, "shop,O=Example")), true},
		{"comma in a value is no separator", "CN=shop,O=Example", der(t, set(cn, "shop,O=Example")), false},
		{"a value with a separator is not two", `CN=shop\,O\=Example`, der(t, set(o, "Example"), set(cn, "shop")), false},
		{"section 4, example 3", `CN=James \"Jim\" Smith\, III,DC=example,DC=net`,
			der(t, set(dc, "net"), set(dc, "example"), set(cn, `James "Jim" Smith, III`)), true},
		{"section 4, example 4", `CN=Before\0dAfter,DC=example,DC=net`, der(t, set(dc, "net"), set(dc, "example"), set(cn, "Before\rAfter")),
			true},
		{"section 4, example 5", `1.3.6.1.4.1.1466.0=#04024869`,
			der(t, set(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 1466, 0}, []byte("Hi"))), true},
		{"section 4, example 6", `CN=Lu\C4\8Di\C4\87`, der(t, set(cn, "Lučić")), true},
		{"section 4, example 2, several values", "OU=Sales+CN=J.  Smith,DC=example,DC=net",
			der(t, set(dc, "net"), set(dc, "example"), set(cn, "J.  Smith", ou, "Sales")), true},
		{"several values in another order", "CN=J.  Smith+OU=Sales,DC=example,DC=net",
			der(t, set(dc, "net"), set(dc, "example"), set(ou, "Sales", cn, "J.  Smith")), true},
		{"several values are not several names", "CN=a,OU=b", der(t, set(cn, "a", ou, "b")), false},
		{"blank at the end of a value", `CN=shop\ `, der(t, set(cn, "shop ")), true},
		{"blank at the end, not escaped", `CN=shop `, der(t, set(cn, "shop ")), false},
		{"octets are no text", "CN=Hi", der(t, set(cn, []byte("Hi"))), false},
		{"NUL", `CN=shop\00.evil`, der(t, set(cn, "shop")), false},
		{"characters that look alike", "CN=bank", der(t, set(cn, "ban\u212a")), false},
	} {
		want, err := dn.Parse(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		got, err := dn.FromDER(test.der)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if dn.Equal(got, want) != test.same {
			t.Errorf("%s: %q equal: %v", test.name, test.text, !test.same)
		}
	}
}

func TestTextsThatAreNoNames(t *testing.T) {
	for _, text := range []string{"", " ", "shop", "CN", "CN=", "=shop", "CN=a,", ",CN=a", "CN=a;O=b", `CN="a"`, `CN=a\`, `CN=a\q`, `CN=a\f`,
		"CN=#", "CN=#zz", "CN=#0C05", "CN=#0C0141 0C", "WHAT=a", "2.5..3=a", "2=a", "CN=a<b", "CN=\xff", `CN=\ff`, "CN=a\x00b", "CN=a+",
		"02.5.4.3=a"} {
		if _, err := dn.Parse(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	for _, raw := range [][]byte{nil, {}, {0x30}, {0x31, 0}, {0x30, 2, 0x30, 0}, {0x30, 0, 0}} {
		if _, err := dn.FromDER(raw); err == nil {
			t.Errorf("%x was taken", raw)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"CN=shop,O=Example", `CN=a\,b+OU=\c3\a4`, "2.5.4.3=#0c0141", " CN = x , O = y "} {
		f.Add(seed, []byte("\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02Hi"))
	}
	f.Fuzz(func(t *testing.T, text string, raw []byte) {
		if name, err := dn.Parse(text); err == nil && (len(name) == 0 || !dn.Equal(name, name)) {
			t.Errorf("%q is not itself", text)
		}
		if name, err := dn.FromDER(raw); err == nil && !dn.Equal(name, name) {
			t.Errorf("%x is not itself", raw)
		}
	})
}
