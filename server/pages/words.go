package pages

import (
	"fmt"
	"html/template"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// words are the functions that templates of one language use beside the page's own fields.
func (p *Pages) words(l *locale, chosen bool) template.FuncMap {
	return template.FuncMap{
		"unbroken":  unbroken,
		"t":         func(id string, pairs ...any) template.HTML { return l.marked(id, l.say(id, pairs...)) },
		"tmap":      func(id string, args map[string]string) template.HTML { return l.marked(id, l.sayAbout(id, args)) },
		"plural":    func(id string, n int, pairs ...any) template.HTML { return l.marked(id, l.plural(id, n, pairs...)) },
		"optional":  func(id string, pairs ...any) template.HTML { return l.marked(id, l.optional(id, pairs...)) },
		"upstreams": func() bool { return p.upstreams },
		"brand":     func() string { return p.brand }, "links": func() Links { return p.links },
		"asset": p.assets.address,
		"path":  func(s string) string { return p.prefix + s },
		"to": func(target string) string {
			if chosen {
				return withLanguage(target, l.tag)
			}
			return target
		},
		"termslink": l.outside, "link": link, "bdi": bdi, "name": name, "under": under, "initial": initial, "firstLetter": firstLetter,
		"backname": func(a *App) string { return orElse(a.Host, a.Name) },
		"problem":  l.problem, "of": of, "pick": func(list []Problem, field string) fieldOf { return fieldOf{list, field} },
		"described": described, "refused": refused,
		"scope": l.scope, "scopemore": l.scopeMore, "scopeshort": l.scopeShort, "texts": l.texts,
		"claim": func(s string) template.HTML { return orElse(l.optional("claim."+s), escaped(s)) },
		"fact":  func(s string) template.HTML { return orElse(l.optional("fact."+strings.ToLower(s)), escaped(s)) },
		"day":   l.day, "when": l.when, "moment": l.moment, "instant": l.instant, "wait": l.wait, "span": l.span,
		"device": l.device, "icon": icon, "event": l.event, "eventicon": eventIcon, "network": l.network,
		"seenat": l.seenAt, "place": l.placed, "comma": l.comma, "colon": l.colon,
		"countries": l.countries, "activitykinds": func() []string { return activityKinds },
		"errortext": l.errorText, "errorsteps": l.errorSteps,
	}
}

// hyphened finds words with hyphens, and before them what they are not looked for in: tags, and names from outside.
var hyphened = regexp.MustCompile(`<bdi\b[^>]*>.*?</bdi>|<[^>]*>|\pL+(?:-\pL+)+`)

// unbroken keeps the words of a heading on one line each: in large type on a phone, "two-step" would break after its hyphen.
func unbroken(text template.HTML) template.HTML {
	return template.HTML(hyphened.ReplaceAllStringFunc(string(text), func(s string) string {
		if s[0] == '<' {
			return s
		}
		return `<span class="whole">` + s + `</span>`
	}))
}

func escaped(s string) template.HTML { return template.HTML(template.HTMLEscapeString(s)) }

func orElse[T ~string](a, b T) T {
	if a != "" {
		return a
	}
	return b
}

// withLanguage carries the language chosen in the footer on to one of our own pages.
func withLanguage(target, tag string) string {
	if !strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "?") {
		return target
	}
	before, fragment, _ := strings.Cut(target, "#")
	sep := "?"
	if strings.Contains(before, "?") {
		sep = "&"
	}
	before += sep + "lang=" + tag
	if fragment != "" {
		before += "#" + fragment
	}
	return before
}

// link lets addresses of apps through, private schemes of native apps included (html/template would let only the web's),
// but nothing that a browser would run.
func link(s string) template.URL {
	u, err := url.Parse(s)
	if err != nil {
		return "#"
	}
	switch strings.ToLower(u.Scheme) {
	case "javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source":
		return "#"
	}
	return template.URL(u.String())
}

// bdi keeps the writing direction of an outside text from spilling over.
func bdi(s string) template.HTML { return "<bdi>" + escaped(s) + "</bdi>" }

// name is what a person is called, under the second line beneath it.
func name(p Person) string { return orElse(p.Name, orElse(p.Username, p.Email)) }

func under(p Person) string {
	if second := orElse(p.Email, p.Username); second != name(p) {
		return second
	}
	return ""
}

func initial(p Person) string { return firstLetter(name(p)) }

// firstLetter is what the seal shows.
func firstLetter(s string) string {
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return string(unicode.ToUpper(r))
		}
	}
	return "·"
}

type fieldOf struct {
	Problems []Problem
	Field    string
}

// of finds a field's first problem; nil if all is well.
func of(list []Problem, field string) *Problem {
	for i := range list {
		if list[i].Field == field {
			return &list[i]
		}
	}
	return nil
}

// refused reports that a passkey which came with the form was not taken, and is of no use.
func refused(list []Problem) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(p Problem) bool { return p.Message == "passkeys.taken" })
}

// described ties hint and error to their field, for those who hear the page.
func described(list []Problem, field, hint string) template.HTMLAttr {
	bad := of(list, field) != nil
	switch {
	case bad && hint != "":
		return template.HTMLAttr(`aria-describedby="` + hint + " " + field + `-error" aria-invalid="true"`)
	case bad:
		return template.HTMLAttr(`aria-describedby="` + field + `-error" aria-invalid="true"`)
	case hint != "":
		return template.HTMLAttr(`aria-describedby="` + hint + `"`)
	}
	return ""
}

func (l *locale) problem(p Problem) template.HTML {
	id := p.Message
	if !l.known().ids[id] {
		id = "form.invalid"
	}
	return l.say(id, pairs(p.Args)...)
}

func pairs(args map[string]string) []any {
	var list []any
	for k, v := range args {
		list = append(list, k, v)
	}
	return list
}

// event puts a fact of the audit log into words; one that nobody wrote words for is not shown by its name.
func (l *locale) event(e EventLine) template.HTML {
	id := "event." + e.Name
	if e.App.Name != "" && l.known().ids[id+".app"] {
		return l.say(id+".app", "App", bdi(e.App.Name))
	}
	return orElse(l.optional(id), l.say("event.other"))
}

// day is a date in words, in the time zone that the time is given in (Person.At).
func (l *locale) day(t time.Time) template.HTML {
	t = placed(t)
	return stamp(t, l.say("when.day", "Day", t.Day(), "Month", l.month(t), "Year", t.Year()))
}

// moment is a time in words, to the minute.
func (l *locale) moment(t time.Time) template.HTML { return l.clock(t, "15:04") }

// instant is one to the second, for those who look for it in a log.
func (l *locale) instant(t time.Time) template.HTML { return l.clock(t, time.TimeOnly) }

func (l *locale) clock(t time.Time, layout string) template.HTML {
	t = placed(t)
	zone := t.Format("MST")
	if strings.HasPrefix(zone, "+") || strings.HasPrefix(zone, "-") { // it has no name
		zone = "UTC" + zone
	}
	return stamp(t, l.say("when.moment", "Day", t.Day(), "Month", l.month(t), "Year", t.Year(), "Clock", t.Format(layout), "Zone", zone))
}

func (l *locale) month(t time.Time) template.HTML {
	return l.say("month." + strconv.Itoa(int(t.Month())))
}

func stamp(t time.Time, words template.HTML) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, t.Format(time.RFC3339), words))
}

// when is a past moment, as far away as matters.
func (l *locale) when(t time.Time) template.HTML {
	switch ago := time.Since(t); {
	case ago < 2*time.Minute:
		return l.say("when.now")
	case ago < time.Hour:
		return l.plural("when.minutes", int(ago.Minutes()))
	case ago < 24*time.Hour:
		return l.plural("when.hours", int(ago.Hours()))
	}
	return l.day(t)
}

func (l *locale) wait(seconds int) template.HTML {
	if seconds > 90 {
		return l.plural("wait.minutes", (seconds+59)/60)
	}
	return l.plural("wait.seconds", seconds)
}

// span is a time to come, in the largest unit that is whole.
func (l *locale) span(d time.Duration) template.HTML {
	const day = 24 * time.Hour
	switch {
	case d >= day && d%day == 0:
		return l.plural("span.days", int(d/day))
	case d >= time.Hour && d%time.Hour == 0:
		return l.plural("span.hours", int(d/time.Hour))
	}
	return l.plural("span.minutes", int((d+time.Minute-1)/time.Minute))
}

// errorText is one part of an error page's words; a variant that names the app is taken where the app is known.
func (l *locale) errorText(e Error, part string) template.HTML {
	id := "error." + e.Kind + "." + part
	args := make([]any, 0, 2*len(e.Args))
	for k, v := range inWords(e.Args, l.tag) {
		args = append(args, k, bdi(v))
	}
	if e.Args["Client"] != "" && l.known().ids[id+"_client"] {
		id += "_client"
	}
	return l.optional(id, args...)
}

func (l *locale) errorSteps(e Error) []template.HTML {
	var steps []template.HTML
	for _, part := range []string{"do", "do2", "do3"} {
		if s := l.errorText(e, part); s != "" {
			steps = append(steps, s)
		}
	}
	return steps
}

// outside is a link to one of the operator's addresses, which opens beside the form that is being filled in.
func (l *locale) outside(id, address string) template.HTML {
	return template.HTML(`<a href="` + template.HTMLEscapeString(address) + `" target="_blank" rel="noopener">` + string(l.say(id)) + `</a>`)
}
