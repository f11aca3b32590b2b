package clients

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// MatchRedirect finds the registered redirect URI that a sent one matches: byte for byte (RFC 9700 section 2.1), and for native
// clients on a loopback host with any port (RFC 8252 section 7.3; the same host as registered, localhost included). It
// returns the address to answer to, which is the sent one.
func (c *Client) MatchRedirect(sent string) (string, bool) {
	if slices.Contains(c.RedirectURIs, sent) {
		return sent, true
	}
	if !c.Native() {
		return "", false
	}
	s, ok := splitLoopback(sent)
	if !ok {
		return "", false
	}
	for _, registered := range c.RedirectURIs {
		if r, ok := splitLoopback(registered); ok && r.host == s.host && r.rest == s.rest {
			return sent, true
		}
	}
	return "", false
}

// loopback is an http address of a loopback host cut into host, port and the raw rest; nothing is decoded.
type loopback struct{ host, port, rest string }

func splitLoopback(raw string) (loopback, bool) {
	after, ok := strings.CutPrefix(raw, "http://")
	if !ok || !redirectBytes(raw) {
		return loopback{}, false
	}
	cut := strings.IndexAny(after, "/?#")
	authority, rest := after, ""
	if cut >= 0 {
		authority, rest = after[:cut], after[cut:]
	}
	if strings.ContainsAny(authority, "@\\") || strings.Contains(rest, "#") {
		return loopback{}, false
	}
	for _, host := range []string{"127.0.0.1", "[::1]", "localhost"} {
		port, ok := strings.CutPrefix(authority, host)
		if !ok {
			continue
		}
		if port == "" {
			return loopback{host: host, rest: rest}, true
		}
		digits, ok := strings.CutPrefix(port, ":")
		n, err := strconv.ParseUint(digits, 10, 16)
		if ok && err == nil && n > 0 && strconv.FormatUint(n, 10) == digits {
			return loopback{host: host, port: digits, rest: rest}, true
		}
	}
	return loopback{}, false
}

// redirectBytes: printable ASCII without the characters a URI cannot have.
func redirectBytes(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || strings.IndexByte(`"<>\^`+"`{|}", c) >= 0 {
			return false
		}
	}
	return true
}

func looksNative(raw string) bool {
	if _, ok := splitLoopback(raw); ok {
		return true
	}
	scheme, _, ok := strings.Cut(raw, ":")
	return ok && scheme != "https" && scheme != "http"
}

func (m Metadata) validateRedirects() (errs []error) {
	if slices.Contains(m.GrantTypes, AuthorizationCode) && len(m.RedirectURIs) == 0 {
		errs = append(errs, fmt.Errorf("redirect_uris: authorization_code needs at least one"))
	}
	if len(m.RedirectURIs) > 20 {
		errs = append(errs, fmt.Errorf("redirect_uris: at most 20"))
	}
	for _, u := range m.RedirectURIs {
		if why := redirectMistake(u, m.ApplicationType == Native); why != "" {
			errs = append(errs, fmt.Errorf("redirect_uris: %q %s", u, why))
		}
	}
	for _, u := range m.PostLogoutRedirectURIs {
		if why := redirectMistake(u, m.ApplicationType == Native); why != "" {
			errs = append(errs, fmt.Errorf("post_logout_redirect_uris: %q %s", u, why))
		}
	}
	return errs
}

// redirectMistake says what is wrong with a redirect URI, "" if nothing (RFC 6749 section 3.1.2, RFC 8252 section 7).
func redirectMistake(raw string, native bool) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme == "" || !redirectBytes(raw) || len(raw) > 512:
		return "is not an absolute URI of at most 512 characters"
	case strings.Contains(raw, "#"):
		return "must not have a fragment"
	case strings.Contains(raw, "*"):
		return "must not have a wildcard: register each address"
	case u.User != nil:
		return "must not have a user name"
	case strings.Contains(strings.ToLower(u.EscapedPath()), "%2f") || strings.Contains(strings.ToLower(u.EscapedPath()), "%5c"):
		return "must not have an encoded slash"
	}
	switch u.Scheme {
	case "https":
		if u.Host == "" {
			return "has no host"
		}
	case "http":
		if !loopbackHost(u.Hostname()) {
			return "must be https unless its host is loopback"
		}
	case "javascript", "data", "file", "blob", "vbscript", "about":
		return "has a scheme that is never allowed"
	default:
		if !native {
			return "has a private-use scheme: set application_type native"
		}
		if !strings.Contains(u.Scheme, ".") {
			return "needs a scheme in reverse domain form, for example com.example.app (RFC 8252 section 7.1)"
		}
	}
	return ""
}

func loopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
