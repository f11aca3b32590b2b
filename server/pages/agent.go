package pages

import (
	"html/template"
	"strings"
)

// Order matters: most browsers also name the ones they came from.
var browsers = [][2]string{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser", "Samsung Internet"}, {"FxiOS", "Firefox"}, {"CriOS", "Chrome"},
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
func (l *tongue) device(agent string) template.HTML {
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
func (l *tongue) emailDevice(agent string) string {
	if firstOf(browsers, agent) == "" && firstOf(systems, agent) == "" {
		return string(l.say("mail.unknown_browser"))
	}
	return plainText(l.device(agent))
}

func icon(agent string) string {
	if strings.Contains(agent, "Mobile") || strings.Contains(agent, "iPhone") || strings.Contains(agent, "Android") {
		return "icon-phone.svg"
	}
	return "icon-laptop.svg"
}
