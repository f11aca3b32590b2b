package clients

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"signet/internal/loopback"
)

// MatchRedirect finds the registered redirect URI that a sent one matches: byte for byte (RFC 9700 section 2.1), and for native
// clients on a loopback host with any port (RFC 8252 section 7.3; the same host as registered, localhost included). It
// returns the address to answer to, which is the sent one.
func (c *Client) MatchRedirect(sent string) (string, bool) {
	return c.match(c.RedirectURIs, sent)
}

// MatchPostLogoutRedirect does the same for an address to go to after sign-out (OpenID Connect RP-Initiated Logout section 3).
func (c *Client) MatchPostLogoutRedirect(sent string) (string, bool) {
	return c.match(c.PostLogoutRedirectURIs, sent)
}

func (c *Client) match(registered []string, sent string) (string, bool) {
	if slices.Contains(registered, sent) {
		return sent, true
	}
	if !c.Native() {
		return "", false
	}
	s, ok := splitLoopback(sent)
	if !ok {
		return "", false
	}
	for _, one := range registered {
		if r, ok := splitLoopback(one); ok && r.host == s.host && r.rest == s.rest {
			return sent, true
		}
	}
	return "", false
}

// localAddress is an http address of this computer (RFC 8252 sections 7.3 and 8.3) cut into host, port and the raw rest; nothing is
// decoded, but an empty path is the path / (RFC 3986 section 6.2.3).
type localAddress struct{ host, port, rest string }

func splitLoopback(raw string) (localAddress, bool) {
	after, ok := strings.CutPrefix(raw, "http://")
	if !ok || !redirectBytes(raw) {
		return localAddress{}, false
	}
	authority, rest := after, ""
	if cut := strings.IndexAny(after, "/?#"); cut >= 0 {
		authority, rest = after[:cut], after[cut:]
	}
	if strings.ContainsAny(authority, "@\\") || strings.Contains(rest, "#") {
		return localAddress{}, false
	}
	if !strings.HasPrefix(rest, "/") {
		rest = "/" + rest
	}
	host, port, sent := authority, "", false
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		host, port, sent = authority[:i], authority[i+1:], true
	}
	if n, err := strconv.ParseUint(port, 10, 16); sent && (err != nil || n == 0 || strconv.FormatUint(n, 10) != port) {
		return localAddress{}, false
	}
	name := host
	if strings.HasPrefix(host, "[") {
		name = strings.TrimSuffix(host[1:], "]")
	}
	if strings.Contains(name, ":") != strings.HasPrefix(host, "[") || !loopback.Host(name) {
		return localAddress{}, false
	}
	return localAddress{host: host, port: port, rest: rest}, true
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

// LooksNative reports whether an address belongs to a native app: on this computer, or of a scheme of its own (RFC 8252 section 7).
func LooksNative(raw string) bool {
	if _, ok := splitLoopback(raw); ok {
		return true
	}
	scheme, _, ok := strings.Cut(raw, ":")
	return ok && scheme != "https" && scheme != "http"
}

func (m Metadata) validateRedirects(schemes []string) (errs []error) {
	for _, g := range []string{AuthorizationCode, Implicit} {
		if slices.Contains(m.GrantTypes, g) && len(m.RedirectURIs) == 0 {
			errs = append(errs, fmt.Errorf("redirect_uris: %s needs at least one", g))
		}
	}
	if len(m.RedirectURIs) > 20 {
		errs = append(errs, fmt.Errorf("redirect_uris: at most 20"))
	}
	for _, u := range m.RedirectURIs {
		if why := redirectMistake(u, m.ApplicationType == Native, schemes); why != "" {
			errs = append(errs, fmt.Errorf("redirect_uris: %q %s", u, why))
		}
	}
	for _, u := range m.PostLogoutRedirectURIs {
		if why := redirectMistake(u, m.ApplicationType == Native, schemes); why != "" {
			errs = append(errs, fmt.Errorf("post_logout_redirect_uris: %q %s", u, why))
		}
	}
	return errs
}

// WithoutForeign leaves out the redirect URIs of private-use schemes that are none for this server (RFC 8252 section 7.1): without a dot,
// and not allowed by the operator. Editors register several addresses, and such a one among them. Where no other is left, all stay.
func (m Metadata) WithoutForeign(allowed []string) Metadata {
	usable := slices.DeleteFunc(slices.Clone(m.RedirectURIs), func(raw string) bool {
		u, err := url.Parse(raw)
		return err == nil && u.Scheme != "" && u.Scheme != "https" && u.Scheme != "http" && !strings.Contains(u.Scheme, ".") &&
			!slices.Contains(allowed, u.Scheme) && !slices.Contains(neverSchemes, u.Scheme)
	})
	if len(usable) > 0 {
		m.RedirectURIs = usable
	}
	return m
}

// neverSchemes are those of addresses that run what they are given.
var neverSchemes = []string{"javascript", "data", "file", "blob", "vbscript", "about"}

// WellFormed reports whether the redirect URIs are such that some client may have them, whoever it is.
func (m Metadata) WellFormed() bool {
	return len(m.RedirectURIs) > 0 && !slices.ContainsFunc(m.RedirectURIs, func(raw string) bool {
		u, err := url.Parse(raw)
		return err != nil || redirectMistake(raw, true, []string{u.Scheme}) != ""
	})
}

// redirectMistake says what is wrong with a redirect URI, "" if nothing (RFC 6749 section 3.1.2, RFC 8252 section 7). schemes are the
// private-use schemes without a dot that the operator allows.
func redirectMistake(raw string, native bool, schemes []string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme == "" || !redirectBytes(raw) || len(raw) > 512:
		return wantsURI
	case strings.Contains(raw, "#"):
		return "must not have a fragment"
	case strings.Contains(raw, "*"):
		return "must not have a wildcard: register each address"
	case u.User != nil:
		return "must not have a user name"
	case oddHost(u):
		return "must name its host by letters, digits, dots and hyphens (xn-- of an international name)"
	case strings.Contains(strings.ToLower(u.EscapedPath()), "%2f") || strings.Contains(strings.ToLower(u.EscapedPath()), "%5c"):
		return "must not have an encoded slash"
	}
	if slices.Contains(neverSchemes, u.Scheme) {
		return "has a scheme that is never allowed"
	}
	switch u.Scheme {
	case "https":
		if u.Host == "" {
			return "has no host"
		}
	case "http":
		if !loopback.Host(u.Hostname()) {
			return "must be https unless its host is loopback"
		}
	default:
		if !native {
			return "has a private-use scheme: set application_type native"
		}
		if !strings.Contains(u.Scheme, ".") && !slices.Contains(schemes, u.Scheme) {
			return "needs a scheme in reverse domain form, for example com.example.app (RFC 8252 section 7.1), or one that the operator lists in " +
				"apps.private_schemes"
		}
	}
	return ""
}

// oddHost reports whether an address of the web has a host that browsers may take for another than it is written: they decode %E3%80%82 and
// read a full stop.
func oddHost(u *url.URL) bool {
	if u.Scheme != "https" && u.Scheme != "http" {
		return false
	}
	return strings.ContainsFunc(u.Host, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-_:[]", r))
	})
}
