package egress

import (
	"net/netip"
	"slices"
)

// inside are ranges that netip's own questions do not cover and that nobody outside may send us to.
var inside = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4", "168.63.129.16/32", // the last: Azure's platform
	"2001::/23", "2001:db8::/32", "3fff::/20",
)

// global is all that IANA gave out of IPv6 for use on the public network (RFC 4291 section 2.4, RFC 3587): the rest leads nowhere, or,
// through a translator (RFC 7915: ::ffff:0:0:0/96), inside.
var global = netip.MustParsePrefix("2000::/3")

// carriers hold an IPv4 address: NAT64 (RFC 6052, RFC 8215) and 6to4 (RFC 3056), with the byte it begins at.
var carriers = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12}, {netip.MustParsePrefix("64:ff9b:1::/48"), 12}, {netip.MustParsePrefix("2002::/16"), 2},
}

func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// Public reports whether address (IP:PORT, as it is dialled) is on the public network: not this machine, not a private, shared,
// link-local, multicast, reserved or documentation range, no cloud's metadata service, nor one of these in a form of IPv6 that
// carries an IPv4 address.
func Public(address string) bool {
	ap, err := netip.ParseAddrPort(address)
	return err == nil && public(ap.Addr())
}

func public(a netip.Addr) bool {
	if a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || slices.ContainsFunc(inside, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return false
	}
	for _, c := range carriers {
		if c.prefix.Contains(a) {
			bytes := a.As16()
			v4, _ := netip.AddrFromSlice(bytes[c.at : c.at+4])
			return public(v4)
		}
	}
	return a.Is4() || global.Contains(a)
}
