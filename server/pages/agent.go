package pages

import (
	"html/template"
	"net/netip"
	"strings"

	"signet/server/web"
)

// Order matters: most browsers also name the ones they came from.
var browsers = [][2]string{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser", "Samsung Internet"}, {"FxiOS", "Firefox"},
	{"CriOS", "Chrome"},
	{"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"}}

var systems = [][2]string{{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"},
	{"Macintosh", "Mac"}, {"Linux", "Linux"}}

func firstOf(list [][2]string, agent string) string {
	for _, x := range list {
		if strings.Contains(agent, x[0]) {
			return x[1]
		}
	}
	return ""
}

// device puts a User-Agent into words a person knows: "Firefox on Linux". None of its own bytes are shown: whoever sends it writes them
// (rule V08).
func (l *locale) device(agent string) template.HTML {
	browser, system := firstOf(browsers, agent), firstOf(systems, agent)
	switch {
	case browser != "" && system != "":
		return l.say("device.both", "Browser", browser, "System", system)
	case browser != "" || system != "":
		return escaped(browser + system)
	}
	return l.say("device.unknown")
}

// emailDevice is device within a sentence.
func (l *locale) emailDevice(agent string) string {
	if firstOf(browsers, agent) == "" && firstOf(systems, agent) == "" {
		return string(l.say("mail.unknown_browser"))
	}
	return plainText(l.device(agent))
}

// place is where an address or a network is, "Berlin, Germany"; "" = nobody knows. A word of the file is kept short and visible.
func (l *locale) place(address string) string {
	if l.where == nil || address == "" {
		return ""
	}
	city, country := l.where(address, l.tag)
	city, country = plainWord(city), plainWord(country)
	if city == "" || country == "" || city == country { // Singapore
		return orElse(country, city)
	}
	return city + l.comma() + country
}

func (l *locale) comma() string {
	if strings.HasPrefix(l.tag, "ar") {
		return "، "
	}
	return ", "
}

// colon is what comes between a word and what is said of it: French keeps a space before it, on the same line.
func (l *locale) colon() string {
	if strings.HasPrefix(l.tag, "fr") {
		return "\u00a0: "
	}
	return ": "
}

// seenAt is a device with its place, as far as that is known: "Chrome on Linux, Berlin, Germany".
func (l *locale) seenAt(agent, address string) template.HTML {
	place := l.placed(address)
	if place == "" {
		return l.device(agent)
	}
	return l.device(agent) + escaped(l.comma()) + place
}

func (l *locale) placed(address string) template.HTML {
	if place := l.place(address); place != "" {
		return bdi(place)
	}
	return ""
}

func icon(agent string) string {
	if strings.Contains(agent, "Mobile") || strings.Contains(agent, "iPhone") || strings.Contains(agent, "Android") {
		return "icon-phone.svg"
	}
	return "icon-laptop.svg"
}

// eventIcons are the pictures of the facts that say what they are about; all else shows the device that it was done with.
var eventIcons = []struct{ begins, icon string }{
	{"passkey.", "icon-passkey.svg"}, {"password.", "icon-lock.svg"}, {"factor.", "icon-shield.svg"}, {"recovery.", "icon-shield.svg"},
	{"wayback.started", "icon-shield.svg"}, {"wayback.stopped", "icon-shield.svg"}, {"wayback.finished", "icon-shield.svg"},
	{"email.", "icon-mail.svg"}, {"signin.failed", "icon-warn.svg"}, {"signin.throttled", "icon-warn.svg"},
	{"signup.", "icon-person.svg"}, {"user.frozen", "icon-warn.svg"}, {"user.", "icon-person.svg"}, {"terms.", "icon-person.svg"},
	{"data.", "icon-person.svg"}, {"group.", "icon-person.svg"}, {"role.", "icon-person.svg"}, {"invitation.", "icon-person.svg"},
	{"consent.", "icon-app.svg"}, {"code.replayed", "icon-warn.svg"}, {"refresh.reused", "icon-warn.svg"}, {"refresh.", "icon-app.svg"},
	{"grant.", "icon-app.svg"}, {"token.", "icon-app.svg"},
}

func eventIcon(e EventLine) string {
	for _, kind := range eventIcons {
		if strings.HasPrefix(e.Name, kind.begins) {
			return kind.icon
		}
	}
	return icon(e.Agent)
}

// network is the network of an address, or a network that was kept of one, in words a person knows; what is neither is shown as it is.
func (l *locale) network(s string) template.HTML {
	prefix, err := netip.ParsePrefix(s)
	a := prefix.Addr()
	if err != nil {
		if a, err = netip.ParseAddr(s); err != nil {
			return bdi(s)
		}
		prefix, _ = netip.ParsePrefix(web.Network(a))
	}
	switch a = a.Unmap(); {
	case a.IsLoopback():
		return l.say("network.here")
	case a.IsPrivate(), a.IsLinkLocalUnicast():
		return l.say("network.private")
	case a.IsGlobalUnicast():
		return l.say("network.public", "Network", bdi(shortened(prefix)))
	}
	return bdi(s)
}

// shortened is a network by what its addresses begin with: 203.0.113.0/24 is 203.0.113.x.
func shortened(p netip.Prefix) string {
	s := p.Masked().Addr().String()
	if p.Addr().Is4() {
		return strings.Join(strings.Split(s, ".")[:max(1, p.Bits()/8)], ".") + ".x"
	}
	return strings.TrimSuffix(s, "::") + ":x"
}
