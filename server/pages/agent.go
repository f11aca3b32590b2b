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

// device puts a User-Agent into words a person knows: "Firefox on Linux".
func (l *tongue) device(agent string) template.HTML {
	browser, system := firstOf(browsers, agent), firstOf(systems, agent)
	switch {
	case browser != "" && system != "":
		return l.say("device.both", "Browser", browser, "System", system)
	case browser != "" || system != "":
		return escaped(browser + system)
	case agent == "":
		return l.say("device.unknown")
	}
	short := []rune(agent)
	return bdi(string(short[:min(len(short), 60)]))
}

func icon(agent string) string {
	if strings.Contains(agent, "Mobile") || strings.Contains(agent, "iPhone") || strings.Contains(agent, "Android") {
		return "icon-phone.svg"
	}
	return "icon-laptop.svg"
}
