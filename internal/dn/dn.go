// Package dn reads distinguished names, as text (RFC 4514) and as they are in a certificate, so that two can be compared by what they
// say. Begin with Parse, FromDER and Equal.
package dn

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Name is a distinguished name: relative ones in the order of the certificate, which is the opposite of the text's.
type Name []relative

// relative is a relative distinguished name: a set of attributes, in order of their bytes.
type relative []attribute

// attribute is a type, as dotted numbers, with its value: a text whatever its encoding, or the DER of what is no text.
type attribute struct {
	kind  string
	text  bool
	value string
}

// Equal reports whether two names are the same: the same relative names in the same order, each with the same attributes in any order.
// Values are compared letter by letter; a certificate that spells the name in another way is another client's.
func Equal(a, b Name) bool {
	return slices.EqualFunc(a, b, func(x, y relative) bool { return slices.Equal(x, y) })
}

// types are the names of attributes that can be written (RFC 4514 section 3, and what openssl prints); others by their numbers.
var types = map[string]string{
	"cn": "2.5.4.3", "l": "2.5.4.7", "st": "2.5.4.8", "o": "2.5.4.10", "ou": "2.5.4.11", "c": "2.5.4.6", "street": "2.5.4.9",
	"dc": "0.9.2342.19200300.100.1.25", "uid": "0.9.2342.19200300.100.1.1",
	"sn": "2.5.4.4", "serialnumber": "2.5.4.5", "title": "2.5.4.12", "businesscategory": "2.5.4.15", "postalcode": "2.5.4.17",
	"givenname": "2.5.4.42", "gn": "2.5.4.42", "initials": "2.5.4.43", "generationqualifier": "2.5.4.44", "dnqualifier": "2.5.4.46",
	"pseudonym": "2.5.4.65", "organizationidentifier": "2.5.4.97", "emailaddress": "1.2.840.113549.1.9.1",
	"jurisdictionl": "1.3.6.1.4.1.311.60.2.1.1", "jurisdictionst": "1.3.6.1.4.1.311.60.2.1.2", "jurisdictionc": "1.3.6.1.4.1.311.60.2.1.3",
}

// FromDER reads the subject of a certificate.
func FromDER(der []byte) (Name, error) {
	var sets []asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &sets); err != nil || len(rest) > 0 {
		return nil, errors.New("the name is malformed")
	}
	name := Name{}
	for _, set := range sets {
		if set.Class != asn1.ClassUniversal || set.Tag != asn1.TagSet || !set.IsCompound {
			return nil, errors.New("the name is malformed")
		}
		var one relative
		for rest := set.Bytes; len(rest) > 0; {
			var pair struct {
				Type  asn1.ObjectIdentifier
				Value asn1.RawValue
			}
			var err error
			if rest, err = asn1.Unmarshal(rest, &pair); err != nil {
				return nil, errors.New("the name is malformed")
			}
			one = append(one, valueOf(pair.Type.String(), pair.Value))
		}
		name = append(name, one.sorted())
	}
	return name, nil
}

// valueOf decodes the kinds of text that names have.
func valueOf(kind string, v asn1.RawValue) attribute {
	if v.Class == asn1.ClassUniversal && !v.IsCompound {
		switch v.Tag {
		case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagNumericString:
			if utf8.Valid(v.Bytes) {
				return attribute{kind, true, string(v.Bytes)}
			}
		case asn1.TagBMPString, asn1.TagT61String:
			var text string
			if _, err := asn1.Unmarshal(v.FullBytes, &text); err == nil && utf8.ValidString(text) {
				return attribute{kind, true, text}
			}
		}
	}
	return attribute{kind, false, string(v.FullBytes)}
}

func (r relative) sorted() relative {
	slices.SortFunc(r, func(a, b attribute) int {
		return strings.Compare(a.kind+"\x00"+a.value, b.kind+"\x00"+b.value)
	})
	return r
}

// Parse reads the text of a name (RFC 4514). Blanks around a separator are ignored, as openssl prints some.
func Parse(text string) (Name, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("is empty")
	}
	if !utf8.ValidString(text) {
		return nil, errors.New("is not UTF-8")
	}
	name, one := Name{}, relative(nil)
	for rest := text; ; {
		a, after, end, err := next(rest)
		if err != nil {
			return nil, err
		}
		if one = append(one, a); end != '+' {
			name, one = append(name, one.sorted()), nil
		}
		if end == 0 {
			slices.Reverse(name)
			return name, nil
		}
		rest = after
	}
}

// next reads one attribute and tells by which separator it ends; 0 = by the end of the text.
func next(text string) (a attribute, rest string, end byte, err error) {
	kind, rest, ok := strings.Cut(text, "=")
	if kind = strings.Trim(kind, " "); !ok || kind == "" {
		return a, "", 0, errors.New("must be like CN=client,O=Example: a type, =, and a value")
	}
	if a.kind, ok = typeOf(kind); !ok {
		return a, "", 0, fmt.Errorf("has the type %q, which is not known; write its numbers, like 2.5.4.3", kind)
	}
	rest = strings.TrimLeft(rest, " ")
	if strings.HasPrefix(rest, "#") {
		return number(a, rest)
	}
	var value []byte
	kept := 0 // bytes of the value that no trailing blank is among
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; c {
		case ',', '+':
			a.text, a.value = true, string(value[:kept])
			return a, rest[i+1:], c, notEmpty(a)
		case '\\':
			b, size, err := escaped(rest[i:])
			if err != nil {
				return a, "", 0, err
			}
			value = append(value, b)
			kept, i = len(value), i+size-1
		case '"', ';', '<', '>', 0:
			return a, "", 0, fmt.Errorf("has %q, which must be escaped by a backslash", string(c))
		default:
			if value = append(value, c); c != ' ' {
				kept = len(value)
			}
		}
	}
	a.text, a.value = true, string(value[:kept])
	return a, "", 0, notEmpty(a)
}

func notEmpty(a attribute) error {
	switch {
	case a.value == "":
		return errors.New("has a type without a value")
	case !utf8.ValidString(a.value):
		return errors.New("has a value that is not UTF-8")
	}
	return nil
}

// number reads a value that is written as the hexadecimal digits of its BER (RFC 4514 section 2.4).
func number(a attribute, text string) (attribute, string, byte, error) {
	digits, rest, end := text[1:], "", byte(0)
	if i := strings.IndexAny(digits, ",+"); i >= 0 {
		end, rest, digits = digits[i], digits[i+1:], digits[:i]
	}
	der, err := hex.DecodeString(strings.TrimRight(digits, " "))
	var raw asn1.RawValue
	if err == nil {
		var left []byte
		if left, err = asn1.Unmarshal(der, &raw); len(left) > 0 || !bytes.Equal(raw.FullBytes, der) {
			err = errors.New("malformed")
		}
	}
	if err != nil {
		return a, "", 0, errors.New("has a value that begins with # and is not the hexadecimal form of one")
	}
	return valueOf(a.kind, raw), rest, end, nil
}

// escaped reads a pair that begins with a backslash: a character, or two hexadecimal digits of a byte.
func escaped(text string) (b byte, size int, err error) {
	if len(text) >= 2 && strings.IndexByte(` "#+,;<=>\`, text[1]) >= 0 {
		return text[1], 2, nil
	}
	if len(text) >= 3 {
		if raw, err := hex.DecodeString(text[1:3]); err == nil {
			return raw[0], 3, nil
		}
	}
	return 0, 0, errors.New("has a backslash before what need not be escaped")
}

// typeOf gives the numbers of an attribute's type.
func typeOf(name string) (string, bool) {
	if known, ok := types[strings.ToLower(name)]; ok {
		return known, true
	}
	parts := strings.Split(name, ".")
	for _, part := range parts {
		if part == "" || strings.Trim(part, "0123456789") != "" || len(part) > 1 && part[0] == '0' {
			return "", false
		}
	}
	return name, len(parts) > 1
}
