// Package loopback knows by its name whether a host is this computer. It is the one place that does: who may have http, which redirect
// URIs may choose their port, and which Host a local trial answers to hang on the same answer. It looks nothing up.
package loopback

import (
	"net/netip"
	"strings"
)

// Host reports whether a host, in lower case and without port and brackets, is this computer: localhost and the names under it (RFC 6761
// section 6.3), 127.0.0.0/8 and ::1 (RFC 8252 section 8.3). Addresses count as they are usually written: others read odd ones otherwise.
func Host(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") && len(host) > len(".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() && !a.Is4In6() && a.Zone() == "" && a.String() == host
}
