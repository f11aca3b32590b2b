package kit

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const maxToken = 16 << 10 // bytes

// credentials are what a request has in its Authorization header.
type credentials struct {
	dpop  bool // the scheme is DPoP, not Bearer
	token string
	hash  [sha256.Size]byte // of the token
}

// credentialsOf reads the one Authorization header of a request (RFC 6750 section 2.1, RFC 9449 section 7.1). A token in the URL is refused
// even if it is good: it is in logs by now (RFC 9700 section 2.1).
func credentialsOf(r *http.Request) (c credentials, err error) {
	if r.URL.RawQuery != "" {
		if q, _ := url.ParseQuery(r.URL.RawQuery); q.Has("access_token") {
			return c, fmt.Errorf("%w: the URL has an access token", ErrRequest)
		}
	}
	sent := r.Header["Authorization"]
	if len(sent) == 0 {
		return c, ErrNoToken
	}
	if len(sent) > 1 {
		return c, fmt.Errorf("%w: %d Authorization headers", ErrRequest, len(sent))
	}
	return parseAuthorization(sent[0])
}

func parseAuthorization(value string) (c credentials, err error) {
	scheme, rest, _ := strings.Cut(value, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
	case strings.EqualFold(scheme, "DPoP"):
		c.dpop = true
	default:
		return c, fmt.Errorf("%w: another scheme", ErrNoToken)
	}
	c.token = strings.Trim(rest, " ")
	switch {
	case c.token == "":
		return c, fmt.Errorf("%w: the Authorization header has none", ErrNoToken)
	case len(c.token) > maxToken:
		return c, fmt.Errorf("%w: %d bytes", ErrMalformed, len(c.token))
	case !isToken68(c.token):
		return c, fmt.Errorf("%w: characters that no token has", ErrMalformed)
	}
	c.hash = sha256.Sum256([]byte(c.token))
	return c, nil
}

// token68 are the bytes of RFC 7235 section 2.1 but for the signs at the end.
var token68 = func() (is [256]bool) {
	for _, b := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/") {
		is[b] = true
	}
	return is
}()

// isToken68 is RFC 7235 section 2.1.
func isToken68(s string) bool {
	body := strings.TrimRight(s, "=")
	for i := range len(body) {
		if !token68[body[i]] {
			return false
		}
	}
	return body != ""
}
