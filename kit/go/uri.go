package kit

import (
	"net"
	"net/url"
	"strings"
)

// normal gives an http or https URI in the one spelling that proofs are compared by (RFC 9449 section 4.3, RFC 3986 sections 6.2.2 and
// 6.2.3): scheme and host in lower case, no default port, no query and fragment, "/" for an empty path, percent-encoding only where it is
// needed and in upper case.
func normal(raw string) (string, bool) {
	if len(raw) > maxHTU {
		return "", false
	}
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || u.Host == "" {
		return "", false
	}
	scheme := strings.ToLower(u.Scheme)
	port := u.Port()
	switch scheme {
	case "https":
		if port == "443" {
			port = ""
		}
	case "http":
		if port == "80" {
			port = ""
		}
	default:
		return "", false
	}
	host := strings.ToLower(u.Hostname())
	switch {
	case host == "":
		return "", false
	case port != "":
		host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	path := unreserved(u.EscapedPath())
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + path, true
}

// unreserved decodes the percent-encoded characters that need none, and writes the others in upper case.
func unreserved(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) {
			b.WriteByte(path[i])
			continue
		}
		if c := hex(path[i+1])<<4 | hex(path[i+2]); plain(c) {
			b.WriteByte(c)
		} else {
			b.WriteString(strings.ToUpper(path[i : i+3]))
		}
		i += 2
	}
	return b.String()
}

// hex is the value of a hexadecimal digit; url.Parse lets no others pass.
func hex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// plain characters are RFC 3986's unreserved ones.
func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}
