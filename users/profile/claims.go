package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"signet/internal/typed"
)

// Limits of a claim's value.
const (
	maxName = 100  // code points
	maxText = 256  // code points
	maxURL  = 2048 // bytes
	maxLine = 512  // code points of a part of an address
)

// claimCheck checks a claim's JSON value and returns it as it is kept.
type claimCheck func(raw json.RawMessage) (any, error)

// profileClaims are the standard claims of OpenID Connect Core section 5.1 that lie in the profile. email and
// email_verified are columns of their own; sub and updated_at are ours to say.
var profileClaims = map[string]claimCheck{
	"name": personName, "given_name": personName, "family_name": personName, "middle_name": personName, "nickname": personName,
	"preferred_username": plainText, "gender": plainText,
	"profile": webAddress, "picture": webAddress, "website": webAddress,
	"birthdate": birthdate, "zoneinfo": zoneinfo, "locale": locale,
	"phone_number": phoneNumber, "phone_number_verified": truth,
	"address": postalAddress,
}

// object reads a JSON object, no member twice, nothing behind it (RFC 8259 section 4).
func object(raw json.RawMessage) (map[string]json.RawMessage, error) {
	if len(raw) > MaxBytes {
		return nil, fmt.Errorf("longer than %d bytes", MaxBytes)
	}
	if !utf8.Valid(raw) {
		return nil, errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	members := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("not a JSON object: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("not a JSON object: %w", err)
		}
		key := name.(string)
		if _, twice := members[key]; twice {
			return nil, fmt.Errorf("%q stands there twice", key)
		}
		members[key] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, errors.New("not a JSON object")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return members, nil
}

func asText(raw json.RawMessage) (string, error) {
	var s string
	if string(raw) == "null" || json.Unmarshal(raw, &s) != nil {
		return "", errors.New("must be a string")
	}
	return s, nil
}

func truth(raw json.RawMessage) (any, error) {
	var b bool
	if string(raw) == "null" || json.Unmarshal(raw, &b) != nil {
		return nil, errors.New("must be true or false")
	}
	return b, nil
}

func personName(raw json.RawMessage) (any, error) {
	s, err := asText(raw)
	if err != nil {
		return nil, err
	}
	name, err := CleanName(s)
	if err != nil {
		return nil, fmt.Errorf("must have 1 to %d characters and nothing invisible", maxName)
	}
	return name, nil
}

// CleanName returns a name in NFC: 1 to 100 code points without controls, line ends, bidi overrides and invisible characters; joiners may
// be where a script or an emoji needs them (ErrName).
func CleanName(name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", ErrName
	}
	name = strings.TrimSpace(norm.NFC.String(name))
	n := utf8.RuneCountInString(name)
	if n < 1 || n > maxName || typed.Hidden(name) {
		return "", ErrName
	}
	return name, nil
}

func plainText(raw json.RawMessage) (any, error) {
	s, err := asText(raw)
	if err != nil {
		return nil, err
	}
	if n := utf8.RuneCountInString(s); n < 1 || n > maxText || typed.Hidden(s) {
		return nil, fmt.Errorf("must have 1 to %d characters and nothing invisible", maxText)
	}
	return s, nil
}

func webAddress(raw json.RawMessage) (any, error) {
	s, err := asText(raw)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(s)
	if err != nil || len(s) > maxURL || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil ||
		strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, errors.New("must be an absolute http or https URL")
	}
	return s, nil
}

var birthdateForm = regexp.MustCompile(`^[0-9]{4}(-[0-9]{2}-[0-9]{2})?$`)

func birthdate(raw json.RawMessage) (any, error) {
	s, err := asText(raw)
	if err != nil {
		return nil, err
	}
	ok := birthdateForm.MatchString(s) && s != "0000"
	if ok && len(s) > 4 {
		_, err := time.Parse(time.DateOnly, s)
		ok = err == nil
	}
	if !ok {
		return nil, errors.New("must be YYYY-MM-DD, 0000-MM-DD without the year, or YYYY")
	}
	return s, nil
}

var zoneForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$`)

func zoneinfo(raw json.RawMessage) (any, error) {
	s, err := asText(raw)
	if err != nil {
		return nil, err
	}
	if len(s) > 64 || !zoneForm.MatchString(s) {
		return nil, errors.New("must be a name of the time zone database, like Europe/Vienna")
	}
	return s, nil
}

func locale(raw json.RawMessage) (any, error) {
	s, err := asText(raw)
	if err != nil {
		return nil, err
	}
	if _, err := language.Parse(strings.ReplaceAll(s, "_", "-")); err != nil || s == "" || len(s) > 64 {
		return nil, errors.New("must be a language tag, like de-AT")
	}
	return s, nil
}

var phoneForm = regexp.MustCompile(`^\+[0-9][0-9 ().-]{1,30}[0-9](;ext=[0-9]{1,10})?$`)

func phoneNumber(raw json.RawMessage) (any, error) {
	s, err := asText(raw)
	if err != nil {
		return nil, err
	}
	if !phoneForm.MatchString(s) {
		return nil, errors.New("must be in E.164's form, like +43 1 5550100 or +1 (604) 555-1234;ext=5678")
	}
	return s, nil
}

var addressParts = []string{"formatted", "street_address", "locality", "region", "postal_code", "country"}

func postalAddress(raw json.RawMessage) (any, error) {
	parts, err := object(raw)
	if err != nil {
		return nil, fmt.Errorf("must be an object: %w", err)
	}
	kept := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if !slices.Contains(addressParts, name) {
			return nil, fmt.Errorf("%q is not a part of an address: %s", name, strings.Join(addressParts, ", "))
		}
		s, err := asText(parts[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		lines := strings.NewReplacer("\r\n", "", "\n", "").Replace(s)
		if n := utf8.RuneCountInString(s); n < 1 || n > maxLine || typed.Hidden(lines) {
			return nil, fmt.Errorf("%s: must have 1 to %d characters and nothing invisible", name, maxLine)
		}
		kept[name] = s
	}
	if len(kept) == 0 {
		return nil, errors.New("must have a part: " + strings.Join(addressParts, ", "))
	}
	return kept, nil
}
