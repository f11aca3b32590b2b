package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// forwardHeaders come from proxies or from whoever wants to look like one. What no trusted proxy sent is removed, so that
// nothing behind the door can be misled (A04). None but X-Forwarded-For and X-Forwarded-Proto is ever used.
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
			addr, err := netip.ParseAddr(strings.Trim(strings.TrimSpace(hop), "[]"))
			if err != nil {
				return peer // beyond here nothing can be believed; the hop that wrote it stands for it
			}
			peer = addr.Unmap().WithZone("")
			if !m.trusted(peer) {
				return peer
			}
		}
	}
	return peer
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

// hostNames lists the Host values that are the issuer's. Loopback names are one machine, so they count as equal where the
// issuer is one of them.
func hostNames(issuer *url.URL) []string {
	port := issuer.Port()
	names := []string{strings.ToLower(issuer.Hostname())}
	if loopbackName(names[0]) {
		names = []string{"localhost", "127.0.0.1", "::1"}
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

func loopbackName(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// strayed sends a page request under a foreign Host to the issuer (A03). Programs are answered under any name. What a
// trusted proxy says of the scheme is only worth a warning: a redirect would go in circles behind two proxies.
func (rt *route) strayed(w http.ResponseWriter, r *http.Request) bool {
	m := rt.mux
	if m.tls && r.Header.Get("X-Forwarded-Proto") == "http" {
		m.warnedScheme.Do(func() {
			m.log.WarnContext(r.Context(), "a trusted proxy says that a page was asked for by plain http, but the issuer is https", "configured", m.base)
		})
	}
	if m.ownHost(r.Host) {
		return false
	}
	m.warned.Do(func() {
		m.log.WarnContext(r.Context(), "pages are asked for under another name than the issuer's; is server.issuer right, and does the proxy pass the Host header on?",
			"seen", r.Host, "configured", m.base)
	})
	_ = Redirect(w, r, m.base+r.URL.RequestURI())
	return true
}

func (m *Mux) ownHost(host string) bool {
	for _, h := range m.hosts {
		if h == host || strings.EqualFold(h, host) {
			return true
		}
	}
	return false
}
