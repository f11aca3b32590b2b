package request

import (
	"errors"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"signet/clients"
	"signet/oauth/refusal"
)

// Form reads the parameters of a POST to a protocol endpoint: form-encoded body only, nothing secret from the URL (RFC 6749
// section 3.2). Errors are *refusal.Refusal.
func Form(r *http.Request) (url.Values, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, refusal.InvalidRequest("Send the parameters as application/x-www-form-urlencoded.")
	}
	if r.URL.RawQuery != "" {
		return nil, refusal.InvalidRequest("Send the parameters in the body, not in the URL.")
	}
	if err := r.ParseForm(); err != nil {
		if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, tooLarge
		}
		return nil, refusal.InvalidRequest("The form is malformed.").Because(err)
	}
	if err := Clean(r.PostForm); err != nil {
		return nil, err
	}
	// A parameter without a value counts as left out (RFC 6749 section 3.2): some public clients send an empty client_secret.
	empty := func(value string) bool { return value == "" }
	for name, values := range r.PostForm {
		if len(values) > 1 { // one that may repeat
			r.PostForm[name] = slices.DeleteFunc(values, empty)
		}
	}
	maps.DeleteFunc(r.PostForm, func(_ string, values []string) bool { return strings.Join(values, "") == "" })
	return r.PostForm, nil
}

// Clean refuses repeated parameters (only resource may repeat, RFC 8707 section 2, and audience in a token exchange, RFC 8693 section 2.1)
// and characters nobody needs: NUL, controls, invalid UTF-8.
func Clean(form url.Values) error {
	exchange := form.Get("grant_type") == clients.TokenExchange
	for name, values := range form {
		if len(values) > 1 && name != "resource" && !(exchange && name == "audience") {
			return refusal.InvalidRequest("A parameter is repeated.")
		}
		if len(values) > 20 {
			return refusal.InvalidRequest("Too many resources.")
		}
		for _, v := range values {
			if !printable(name) || !printable(v) {
				return refusal.InvalidRequest("A parameter has characters that are not allowed.")
			}
		}
	}
	return nil
}

func printable(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f {
			return slow(s)
		}
	}
	return true
}

func slow(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}
