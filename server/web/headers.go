package web

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Header values are shared slices, put into the map under their canonical names: Header.Set would allocate each time.
var (
	nosniff     = []string{"nosniff"}
	referrer    = []string{"same-origin"} // no-referrer makes a same-origin form POST send "Origin: null" (B04)
	corpSame    = []string{"same-origin"}
	corpCross   = []string{"cross-origin"}
	permissions = []string{
		"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), payment=(), usb=(), " +
			"publickey-credentials-create=(self), publickey-credentials-get=(self)"}
	noStore         = []string{"no-store"}
	noCache         = []string{"no-cache"}
	hsts            = []string{"max-age=31536000"}
	deny            = []string{"DENY"}
	isolatedOpener  = []string{"same-origin"}
	varyOrigin      = []string{"Origin"}
	pageCSP         = []string{cspBefore + "'self'"}
	frameCSP        = []string{"default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *"}
	jsonType        = []string{"application/json"}
	retrySoon       = []string{"2"}
	closeConnection = []string{"close"}
	anyOrigin       = []string{"*"}
	exposed         = []string{"WWW-Authenticate, DPoP-Nonce, Retry-After, ETag, Allow, Date"}
)

// cspBefore is the policy of every page (B01) up to the sources of form-action.
const cspBefore = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action "

// headers sets what every answer of the side carries; handlers may override Cache-Control.
func (rt *route) headers(h http.Header, r *http.Request) {
	h["X-Content-Type-Options"] = nosniff
	h["Referrer-Policy"] = referrer
	h["Permissions-Policy"] = permissions
	if rt.mux.tls {
		h["Strict-Transport-Security"] = hsts
	}
	switch rt.side {
	case pageSide:
		h["Cross-Origin-Resource-Policy"] = corpSame
		h["Content-Security-Policy"] = pageCSP
		h["X-Frame-Options"] = deny
		h["Cache-Control"] = noStore
		if rt.isolated {
			h["Cross-Origin-Opener-Policy"] = isolatedOpener
		}
	case apiSide:
		h["Cross-Origin-Resource-Policy"] = corpCross
		h["Cache-Control"] = noStore
		if rt.cors != PublicCORS {
			h["Pragma"] = noCache // RFC 6749 section 5.1
		}
		rt.corsHeaders(h, r)
	case adminSide:
		h["Cross-Origin-Resource-Policy"] = corpSame
		h["Cache-Control"] = noStore
	case assetSide:
		h["Cross-Origin-Resource-Policy"] = corpSame
	}
}

// AllowFormAction widens this answer's form-action for a page whose POST ends at a client: browsers hold the whole chain of
// redirects against it, the client's own next hop included, so any https target and the client's own scheme or loopback
// address are named (B02).
func AllowFormAction(w http.ResponseWriter, targets ...string) {
	var sources strings.Builder
	sources.WriteString("'self' https:")
	for _, target := range targets {
		if s := formSource(target); s != "" {
			sources.WriteString(" " + s)
		}
	}
	w.Header()["Content-Security-Policy"] = []string{cspBefore + sources.String()}
}

// AllowDataImages lets this answer's page show images that are written into it: pictures that are not stored, and so have no address.
func AllowDataImages(w http.ResponseWriter) {
	policy := w.Header().Get("Content-Security-Policy")
	w.Header()["Content-Security-Policy"] = []string{strings.Replace(policy, "img-src 'self';", "img-src 'self' data:;", 1)}
}

// ForbidForms keeps this answer's page from sending any form: it shows what a page looks like, and is not that page.
func ForbidForms(w http.ResponseWriter) {
	policy := w.Header().Get("Content-Security-Policy")
	w.Header()["Content-Security-Policy"] = []string{strings.Replace(policy, "form-action 'self'", "form-action 'none'", 1)}
}

// AllowAnyFrame lets pages of any site show this answer's page in a frame. The page may run a script of ours, and nothing else.
func AllowAnyFrame(w http.ResponseWriter) {
	h := w.Header()
	delete(h, "X-Frame-Options")
	h["Content-Security-Policy"] = frameCSP
	h["Cross-Origin-Resource-Policy"] = corpCross
}

// AllowFrames lets this answer's page show frames of exactly the origins of these addresses, and lists the addresses whose origin can be
// named in the policy.
func AllowFrames(w http.ResponseWriter, addresses []string) (framed []string) {
	var sources []string
	for _, address := range addresses {
		s := frameSource(address)
		if s == "" {
			continue
		}
		framed = append(framed, address)
		if !slices.Contains(sources, s) {
			sources = append(sources, s)
		}
	}
	if len(sources) == 0 {
		return nil
	}
	policy := w.Header().Get("Content-Security-Policy")
	w.Header()["Content-Security-Policy"] = []string{
		strings.Replace(policy, "form-action ", "frame-src "+strings.Join(sources, " ")+"; form-action ", 1)}
	return framed
}

// frameSource is the CSP source expression for the origin of an http or https address, "" if it cannot be named safely.
func frameSource(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	host := strings.ToLower(u.Hostname())
	if host == "" || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" { // an IPv6 address has no name there
		return ""
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	return u.Scheme + "://" + host
}

// formSource is the CSP source expression for a redirect URI, "" if https: covers it or it cannot be named safely.
func formSource(redirectURI string) string {
	u, err := url.Parse(redirectURI)
	if err != nil {
		return ""
	}
	switch u.Scheme {
	case "https", "":
		return ""
	case "http":
		host := u.Hostname()
		if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
			return "http:" // CSP has no way to name an IPv6 address
		}
		if host == "" || strings.Trim(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != "" {
			return ""
		}
		if port := u.Port(); port != "" { // url.Parse lets only digits pass
			host += ":" + port
		}
		return "http://" + host
	}
	return u.Scheme + ":" // url.Parse lets only letters, digits, "+", "-" and "." pass
}

// corsHeaders answers the origin as the route's policy says (B10). Credentials are never allowed: an Authorization header
// set by a script needs no such permission, and no cookie is read here.
func (rt *route) corsHeaders(h http.Header, r *http.Request) {
	switch rt.cors {
	case PublicCORS, OpenCORS:
		h["Access-Control-Allow-Origin"] = anyOrigin
		h["Access-Control-Expose-Headers"] = exposed
	case RegisteredCORS:
		h["Vary"] = varyOrigin
		sent := r.Header["Origin"]
		if len(sent) != 1 || rt.mux.options.Origins == nil || !rt.mux.options.Origins(r.Context(), sent[0]) {
			return
		}
		h["Access-Control-Allow-Origin"] = []string{sent[0]}
		h["Access-Control-Expose-Headers"] = exposed
	}
}

// preflight answers OPTIONS for a path: the methods it has, if the origin may read it.
func (m *Mux) preflight(path string) Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		h := w.Header()
		if h["Access-Control-Allow-Origin"] != nil {
			var methods []string
			for _, method := range m.known[path].methods {
				if method != http.MethodOptions {
					methods = append(methods, method)
				}
			}
			h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
			h.Set("Access-Control-Allow-Headers", requestHeaders(r, m.known[path].cors))
			h.Set("Access-Control-Max-Age", "600")
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

// requestHeaders are those that a script may send: to public documents any.
func requestHeaders(r *http.Request, cors CORS) string {
	const known = "Authorization, Content-Type, DPoP"
	if cors != PublicCORS {
		return known
	}
	asked := strings.Join(r.Header["Access-Control-Request-Headers"], ",")
	if len(asked) > 1024 || strings.Trim(asked, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~, \t") != "" {
		return known
	}
	if asked = strings.Trim(asked, ", \t"); asked == "" {
		return known
	}
	return known + ", " + asked
}
