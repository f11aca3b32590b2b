package login_test

import (
	"maps"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// walkButton is a way to send a form of a page.
type walkButton struct {
	page     string // path of the page that it is on
	action   string
	fields   url.Values // with the button's own
	boxes    [][2]string
	ceremony string // "get" or "create" of a passkey; "" = none
	options  string // path of its options
	typed    []string
	secret   string // of an authenticator app that the page shows
	body     string // of the page, to see whom it is about
}

// walkPage is what a page lets a person do.
type walkPage struct {
	buttons []walkButton
	links   []string
}

// readPage finds all buttons and links of a page.
func readPage(path, body string) (p walkPage) {
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		return p
	}
	forms, secret := map[string]*walkButton{}, ""
	var all []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			all = append(all, n)
		}
		if n.Type == html.ElementNode && htmlAttr(n, "id") == "totp-secret" && n.FirstChild != nil {
			secret = n.FirstChild.Data
		}
	}
	for _, n := range all {
		switch n.Data {
		case "a":
			if href := htmlAttr(n, "href"); strings.HasPrefix(href, "/") || strings.HasPrefix(href, "https://id.example.com/") {
				p.links = append(p.links, href)
			}
		case "form":
			form := formOf(n)
			form.page, form.secret, form.body = path, secret, body
			forms[htmlAttr(n, "id")] = &form
			for in := range n.Descendants() {
				if in.Data == "button" && htmlAttr(in, "type") == "submit" {
					p.buttons = append(p.buttons, form.with(in))
				}
			}
		}
	}
	for _, n := range all { // buttons outside of their form
		if form := forms[htmlAttr(n, "form")]; n.Data == "button" && htmlAttr(n, "form") != "" && form != nil {
			p.buttons = append(p.buttons, form.with(n))
		}
	}
	return p
}

func formOf(n *html.Node) walkButton {
	f := walkButton{action: htmlAttr(n, "action"), fields: url.Values{}}
	for in := range n.Descendants() {
		name := htmlAttr(in, "name")
		if in.Type != html.ElementNode || name == "" || in.Data == "button" {
			continue
		}
		switch htmlAttr(in, "type") {
		case "checkbox", "radio":
			f.boxes = append(f.boxes, [2]string{name, htmlAttr(in, "value")})
		case "hidden":
			f.fields.Add(name, htmlAttr(in, "value"))
		default:
			f.fields.Add(name, htmlAttr(in, "value"))
			f.typed = append(f.typed, name)
		}
	}
	return f
}

// with is the form as a button sends it.
func (b walkButton) with(n *html.Node) walkButton {
	own := url.Values{}
	maps.Copy(own, b.fields)
	b.fields = own
	if name := htmlAttr(n, "name"); name != "" {
		b.fields.Set(name, htmlAttr(n, "value"))
	}
	if action := htmlAttr(n, "formaction"); action != "" {
		b.action = action
	}
	b.ceremony, b.options = htmlAttr(n, "data-passkey"), htmlAttr(n, "data-options")
	return b
}

func htmlAttr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
