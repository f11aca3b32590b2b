package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"signet/internal/loopback"
)

// forwardHeaders come from proxies or from whoever wants to look like one. What no trusted proxy sent is removed, so that nothing
// that handles the request can be misled (A04). None but X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host (by forwardedHost) is
// ever used.
var forwardHeaders = []string{"X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "Forwarded", "X-Real-Ip", "True-Client-Ip",
	"Cf-Connecting-Ip", "Client-Cert", "Client-Cert-Chain", "X-Forwarded-Client-Cert", "X-Ssl-Client-Cert", "X-Remote-User", "Remote-User"}

// realAddress is the client's: the TCP peer, or, where that is a trusted proxy, the last address in X-Forwarded-For (from
// the right) that is not one.
func (m *Mux) realAddress(r *http.Request) netip.Addr {
	for _, name := range forwardHeaders {
		delete(r.Header, name)
	}
	peer := peerAddress(r.RemoteAddr)
	hops := r.Header["X-Forwarded-For"]
	if !m.trusted(peer) {
		delete(r.Header, "X-Forwarded-For")
		delete(r.Header, "X-Forwarded-Proto")
		return peer
	}
	for i := len(hops) - 1; i >= 0; i-- {
		rest := hops[i]
		for rest != "" {
			var hop string
			if cut := strings.LastIndexByte(rest, ','); cut >= 0 {
				rest, hop = rest[:cut], rest[cut+1:]
			} else {
				rest, hop = "", rest
			}
			if hop = strings.TrimSpace(hop); hop == "" {
				continue // RFC 9110 section 5.6.1: an empty element of a list is none
			}
			addr, ok := hopAddress(hop)
			if !ok {
				return peer // beyond here nothing can be believed; the hop that wrote it counts instead
			}
			peer = addr
			if !m.trusted(peer) {
				return peer
			}
		}
	}
	return peer
}

// hopAddress reads one element: an address, with or without a port, an IPv6 one in brackets or not, quoted or not, a zone ignored.
func hopAddress(hop string) (netip.Addr, bool) {
	hop = strings.Trim(hop, `"`)
	addr, err := netip.ParseAddr(hop)
	if err != nil {
		host, port := hop, ""
		if cut := strings.LastIndexByte(hop, ':'); cut >= 0 && !strings.HasSuffix(hop, "]") {
			host, port = hop[:cut], hop[cut+1:]
		}
		if strings.Trim(port, "0123456789") != "" {
			return netip.Addr{}, false
		}
		if inner, ok := strings.CutPrefix(host, "["); ok {
			host, ok = strings.CutSuffix(inner, "]")
			if !ok {
				return netip.Addr{}, false
			}
		} else if strings.Contains(host, ":") {
			return netip.Addr{}, false // an IPv6 address with a port has brackets
		}
		if addr, err = netip.ParseAddr(host); err != nil {
			return netip.Addr{}, false
		}
	}
	return addr.Unmap().WithZone(""), true
}

func (m *Mux) trusted(a netip.Addr) bool {
	for _, p := range m.options.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func peerAddress(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.IPv4Unspecified() // a recorder in a test, a unix socket
	}
	return ap.Addr().Unmap().WithZone("")
}

// Address is the client's address, as far as it can be believed.
func Address(r *http.Request) netip.Addr {
	if x := exchangeOf(r.Context()); x != nil {
		return x.addr
	}
	return peerAddress(r.RemoteAddr)
}

// Network is the prefix that throttles and records know a client by: /24 for IPv4, /56 for IPv6.
func Network(a netip.Addr) string {
	bits := 56
	if a.Is4() || a.Is4In6() {
		a, bits = a.Unmap(), 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// Around lists the prefixes that an IPv6 client is charged by beside its Network, the narrower first: its site (/48) and its provider
// (/32).
func Around(a netip.Addr) []string {
	if a.Is4() || a.Is4In6() || !a.IsValid() {
		return nil
	}
	var list []string
	for _, bits := range []int{48, 32} {
		if p, err := a.Prefix(bits); err == nil {
			list = append(list, p.String())
		}
	}
	return list
}

// hostNames lists the Host values that are the issuer's. Loopback addresses and localhost are one machine, so they count as equal where
// the issuer is one of them; a name under localhost is a site of its own.
func hostNames(issuer *url.URL) []string {
	port := issuer.Port()
	names := []string{strings.ToLower(issuer.Hostname())}
	if loopback.Host(names[0]) && !strings.HasSuffix(names[0], ".localhost") {
		names = append(slices.DeleteFunc([]string{"localhost", "127.0.0.1", "::1"}, func(n string) bool { return n == names[0] }), names[0])
	}
	var hosts []string
	for _, name := range names {
		bare := name
		if strings.Contains(name, ":") {
			bare = "[" + name + "]"
		}
		if port != "" {
			hosts = append(hosts, net.JoinHostPort(name, port))
		}
		if port == "" || port == standardPort(issuer.Scheme) {
			hosts = append(hosts, bare, net.JoinHostPort(name, standardPort(issuer.Scheme)))
		}
	}
	return hosts
}

func standardPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// strayed sends a page request under a foreign Host to the issuer (A03). Programs are answered under any name. What a
// trusted proxy says of the scheme is only worth a warning: a redirect would go in circles behind two proxies. Where a proxy passes
// its inner Host on, the redirect comes back to us under it: after a few rounds a page says what to set.
func (rt *route) strayed(x *exchange, r *http.Request) (bool, error) {
	m := rt.mux
	if m.tls && r.Header.Get("X-Forwarded-Proto") == "http" {
		m.warnedScheme.Do(func() {
			m.log.WarnContext(r.Context(), "a trusted proxy says that a page was asked for by plain http, but the issuer is https", "configured",
				m.base)
		})
	}
	if !x.asked && (m.ownHost(r.Host) || m.forwardedHost(x.hosts)) { // no page is shown where certificates are asked for
		return false, nil
	}
	m.warned.Do(func() {
		m.log.WarnContext(r.Context(),
			"pages are asked for under another name than the issuer's; is server.issuer right, and does the proxy pass the Host header on?",
			"seen", r.Host, "configured", m.base)
	})
	rounds := http.Cookie{Name: m.roundsCookie(), Value: "1", Path: "/", Secure: m.tls, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		MaxAge: 10}
	if was, err := r.Cookie(rounds.Name); err == nil {
		if was.Value == "3" {
			return true, &PageError{Status: http.StatusMisdirectedRequest, Kind: "wrong_host", Facts: []Fact{
				{Name: "Host received", Value: r.Host}, {Name: "server.issuer", Value: m.base},
				{Name: "nginx", Value: "proxy_set_header Host $host;"}, {Name: "Apache", Value: "ProxyPreserveHost On"},
				{Name: "or", Value: "X-Forwarded-Host from a proxy in server.trusted_proxies (docs/proxies.md)"},
			}}
		}
		rounds.Value = map[string]string{"1": "2", "2": "3"}[was.Value]
	}
	if rounds.Value != "" {
		http.SetCookie(x, &rounds)
	}
	return true, Redirect(x, r, m.base+r.URL.RequestURI())
}

// roundsCookie counts how often a browser was sent to the issuer's name within a few seconds.
func (m *Mux) roundsCookie() string {
	if m.tls {
		return "__Host-signet_rounds"
	}
	return "signet_rounds"
}

// forwardedHost reports whether a trusted proxy says that it was asked under the issuer's name. Some leave out the port.
func (m *Mux) forwardedHost(lines []string) bool {
	for _, line := range lines {
		for host := range strings.SplitSeq(line, ",") {
			if host = strings.TrimSpace(host); m.ownHost(host) || strings.EqualFold(host, m.options.Issuer.Hostname()) {
				return true
			}
		}
	}
	return false
}

func (m *Mux) ownHost(host string) bool {
	for _, h := range m.hosts {
		if h == host || strings.EqualFold(h, host) {
			return true
		}
	}
	return false
}
