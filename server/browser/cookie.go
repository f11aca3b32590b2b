package browser

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The cookies, by what they are for.
const (
	sessionCookie  = "session"  // the secret of a session
	accountsCookie = "accounts" // secrets of the other sessions, see accounts.go
	browserCookie  = "browser"  // a secret that interactions are bound to
	stepsCookie    = "steps"    // secrets of first steps whose second one is due, see step.go
	deviceCookie   = "device"   // accounts this browser is known to, see device.go
	languageCookie = "language" // the one that was chosen in the footer
)

// jar decides the names and attributes of our cookies (B06): __Host-, Secure, HttpOnly, SameSite=Lax and
// Path=/ on https. On plain http, which is loopback only, names carry the issuer's port, because browsers share cookies
// among all ports of a host. Names carry the issuer's path, if it has one, too: cookies with the prefix are sent to all paths of a host,
// and another issuer may be under another.
type jar struct {
	secure bool
	prefix string
}

func newJar(issuer *url.URL) jar {
	of := ""
	if path := strings.TrimSuffix(issuer.EscapedPath(), "/"); path != "" {
		sum := sha256.Sum256([]byte(path))
		of = hex.EncodeToString(sum[:4]) + "_"
	}
	if issuer.Scheme == "https" {
		return jar{secure: true, prefix: "__Host-signet_" + of}
	}
	port := issuer.Port()
	if port == "" {
		port = "80"
	}
	return jar{prefix: "signet_" + port + "_" + of}
}

func (j jar) name(of string) string { return j.prefix + of }

// maxCookie is more than any cookie of ours has; longer ones are not read.
const maxCookie = 4096

// read returns the cookie's value; "" if there is none, more than one of the name (RFC 6265 section 8.6: one of them is
// not ours), or it cannot be ours.
func (j jar) read(r *http.Request, of string) string {
	all := r.CookiesNamed(j.name(of))
	if len(all) != 1 || len(all[0].Value) > maxCookie {
		return ""
	}
	return all[0].Value
}

// write sets the cookie; until zero = the browser forgets it when closed.
func (j jar) write(w http.ResponseWriter, of, value string, until time.Time) {
	c := j.cookie(of, value)
	if !until.IsZero() {
		c.Expires = until
		c.MaxAge = max(1, int(time.Until(until)/time.Second))
	}
	j.set(w, c)
}

func (j jar) clear(w http.ResponseWriter, of string) {
	c := j.cookie(of, "")
	c.MaxAge = -1
	j.set(w, c)
}

func (j jar) cookie(of, value string) *http.Cookie {
	return &http.Cookie{
		Name: j.name(of), Value: value, Path: "/", Secure: j.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// set replaces what this answer already says about the cookie, so that the browser is told one thing.
func (j jar) set(w http.ResponseWriter, c *http.Cookie) {
	kept := w.Header().Values("Set-Cookie")
	w.Header().Del("Set-Cookie")
	for _, line := range kept {
		if other, err := http.ParseSetCookie(line); err == nil && other.Name == c.Name {
			continue
		}
		w.Header().Add("Set-Cookie", line)
	}
	http.SetCookie(w, c)
}
