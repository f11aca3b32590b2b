package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"signet/admin"
	"signet/admin/setting"
	"signet/admin/thing"
	"signet/admin/view"
	"signet/oauth/flow"
	"signet/server/pages"
)

// origins are where a section comes from, in texts' ids.
var origins = map[string]string{setting.OriginDefault: "console.origin.default", setting.OriginDeclared: "console.declared",
	setting.OriginStored: "console.origin.database"}

// sectionTexts are the name of a section, and what to mind there.
var sectionTexts = map[string][2]string{setting.Branding: {"console.set_branding", "console.set_branding_more"},
	setting.Mail: {"console.set_mail", "console.set_mail_more"}}

// section shows a section of the configuration, and changes it if the configuration does not declare it.
func (h *Handler) section(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: sectionTexts[v.of()][0]}
	found, err := h.changeSection(ctx, v)
	if err != nil || v.next != "" {
		return p, err
	}
	now, err := h.Acts.Setting(ctx, v.actor, v.of())
	if err != nil {
		return p, err
	}
	p.Facts = []pages.ConsoleFact{{Label: "console.state", Text: origins[now.Origin]}}
	fields := brandingFields(now)
	if now.ID == setting.Mail {
		fields = mailFields(now)
	}
	for _, f := range fields {
		switch {
		case f.Secret:
			if now.Origin == setting.OriginStored {
				text := map[bool]string{true: "consent.yes", false: "consent.no"}[now.PasswordSet]
				p.Facts = append(p.Facts, pages.ConsoleFact{Label: "signin.password", Text: text})
			}
		case !f.Long && !f.Logo:
			p.Facts = append(p.Facts, pages.ConsoleFact{Label: f.Label, Value: cmp.Or(f.Value, "–")})
		}
	}
	if now.ID == setting.Branding {
		at := h.Browser.Path(settingsPath, nil) + "/branding/look"
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.set_look", Value: h.Issuer + "/signin", URL: at})
	}
	if now.Problem != "" {
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.problem", Value: now.Problem, English: true})
	}
	if err := h.kept(ctx, v, &p, thing.Settings, now.ID); err != nil {
		return p, err
	}
	if len(found) > 0 {
		p.Lists = append(p.Lists, findings("console.mail_test", found))
	}
	h.sectionActs(v, &p, now, fields)
	return p, nil
}

// look is the page where people sign in, as it looks now.
func (h *Handler) look(w http.ResponseWriter, r *http.Request) error {
	s, actor, err := h.enter(r)
	switch {
	case err != nil:
		return err
	case !s.Is(flow.Finish):
		return h.Login.GoOn(w, r, s)
	case !actor.Holds[admin.SettingsRead]:
		return asPage(admin.ErrRefused)
	}
	return h.Pages.Render(w, r, http.StatusOK, h.signInPage())
}

func (h *Handler) signInPage() pages.SignIn {
	return pages.SignIn{Action: h.Browser.Path("/signin", nil), ForgotURL: h.Browser.Path("/forgot", nil)}
}

// findings are what a test found.
func findings(heading string, found []view.Finding) pages.ConsoleList {
	list := pages.ConsoleList{Heading: heading}
	for _, f := range found {
		list.Rows = append(list.Rows, pages.ConsoleRow{Text: "console." + f.State, Note: f.Text, English: true})
	}
	return list
}

func (h *Handler) sectionActs(v *visit, p *pages.Console, now setting.State, fields []pages.ConsoleField) {
	offer := func(a pages.ConsoleAct) { h.act(v, admin.SettingsWrite, &p.Acts, a) }
	seen := " " + admin.Tag(now)
	if now.Origin != setting.OriginDeclared {
		change := pages.ConsoleAct{Label: "account.change", More: sectionTexts[now.ID][1], Value: "change" + seen, Fields: fields}
		if now.ID == setting.Branding {
			change.Tries = []pages.ConsoleChoice{{Label: "console.preview_light", Value: "preview-light" + seen},
				{Label: "console.preview_dark", Value: "preview-dark" + seen}}
		}
		offer(change)
	}
	if now.ID == setting.Mail {
		offer(pages.ConsoleAct{Label: "console.mail_test", Value: "test",
			Fields: []pages.ConsoleField{{Name: "to", Label: "console.set_to", Value: v.visitor.Person.Email}}})
	}
	if now.Origin == setting.OriginStored {
		offer(pages.ConsoleAct{Label: "console.set_reset", More: "console.set_reset_more", Value: "reset" + seen, Danger: true})
	}
}

// changeSection carries out what is asked for, if anything.
func (h *Handler) changeSection(ctx context.Context, v *visit) (found []view.Finding, err error) {
	act, seen, _ := strings.Cut(v.what(), " ")
	text := func(name string) string { return strings.TrimSpace(v.post.Get(name)) }
	switch act {
	case "change":
		logo, dark, err := v.logos()
		if err != nil {
			return nil, err
		}
		_, err = h.Acts.ChangeSetting(ctx, v.actor, v.of(), seen, text("password"), v.typedSection(logo, dark))
		return nil, err
	case "preview-light", "preview-dark":
		if v.of() == setting.Branding {
			return nil, h.previewBranding(ctx, v, seen, act == "preview-dark")
		}
	case "test":
		found, err = h.Acts.TestMail(ctx, v.actor, text("to"), v.visitor.Person.Locale)
		v.stay = true
	case "reset":
		err = h.Acts.ResetSetting(ctx, v.actor, v.of(), seen)
	}
	return found, err
}

// typedSection is what a form says of a section.
func (v *visit) typedSection(logo, dark string) func(next *setting.Section) error {
	text := func(name string) string { return strings.TrimSpace(v.post.Get(name)) }
	return func(next *setting.Section) error {
		*next = setting.Section{Name: text("name"), Color: text("color"), Logo: logo, LogoDark: dark, Links: askedLinks(text("links"))}
		if v.of() == setting.Mail {
			port, err := strconv.ParseInt(cmp.Or(text("port"), "0"), 10, 64)
			if err != nil {
				return wrong("port", "must be a number")
			}
			*next = setting.Section{From: text("from"), ReplyTo: text("reply_to"), Host: text("host"), Port: port, TLS: text("tls"),
				Username: text("username")}
		}
		next.ID = v.of()
		return nil
	}
}

// sectionForm is what the form of a section may be: all its texts, with the logos that come back, and a file for each of these.
var sectionForm = upload{needs: admin.SettingsWrite, text: mostPlain, files: []string{"logo_file", "logo_dark_file"},
	file: setting.LongestLogos, refuse: func(ctx context.Context, acts *admin.Service, v *visit) error {
		_, err := acts.PreviewSetting(ctx, v.actor, v.of(), "", nil)
		return err
	}}

// logos are those that a form asks for.
func (v *visit) logos() (logo, dark string, err error) {
	if logo, err = v.logo("logo"); err == nil {
		dark, err = v.logo("logo_dark")
	}
	return logo, dark, err
}

// logo is the one that a form asks for, as it is kept: a file that was sent, else what the form had, unless that is to be removed. It is
// what the form shows if something else is to be mended.
func (v *visit) logo(name string) (string, error) {
	sent := v.files[name+"_file"]
	text := setting.Logo(sent.body)
	switch {
	case sent.large || len(text) > setting.LongestLogos:
		return "", wrong(name, fmt.Sprintf("has more than %d characters as it is kept (PNG: %d bytes); make it smaller, or name the file in "+
			"config.yaml", setting.LongestLogos, setting.LongestLogos/4*3))
	case text != "":
		if _, err := setting.Picture(text); errors.Unwrap(err) != nil {
			return "", wrong(name, "must be an SVG or PNG file: "+errors.Unwrap(err).Error())
		} else if err != nil {
			return "", wrong(name, err.Error())
		}
	case v.post.Get(name+"_remove") == "":
		text = strings.TrimSpace(v.post.Get(name))
	}
	v.post.Set(name, text)
	return text, nil
}

// askedLinks reads a line for each: a title, a blank, an address.
func askedLinks(text string) (links []setting.FootLink) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			at := strings.LastIndexByte(line, ' ') + 1
			links = append(links, setting.FootLink{Title: strings.TrimSpace(line[:at]), URL: line[at:]})
		}
	}
	return links
}

const logoKinds = "image/svg+xml,image/png"

func brandingFields(now setting.State) []pages.ConsoleField {
	var links strings.Builder
	for _, link := range now.Links {
		links.WriteString(link.Title + " " + link.URL + "\n")
	}
	return []pages.ConsoleField{{Name: "name", Label: "console.name", Value: now.Name, Optional: true},
		{Name: "color", Label: "console.set_color", Value: now.Color, Optional: true},
		{Name: "logo", Label: "console.set_logo", Value: now.Logo, Optional: true, Logo: true, File: logoKinds},
		{Name: "logo_dark", Label: "console.set_logo_dark", Value: now.LogoDark, Optional: true, Logo: true, Dark: true, File: logoKinds},
		{Name: "links", Label: "console.set_links", Value: links.String(), Optional: true, Long: true}}
}

func mailFields(now setting.State) []pages.ConsoleField {
	port := ""
	if now.Port != 0 {
		port = strconv.FormatInt(now.Port, 10)
	}
	password := "signin.password"
	if now.PasswordSet {
		password = "console.set_password_keep"
	}
	kinds := []pages.ConsoleChoice{{Value: "starttls"}, {Value: "tls"}}
	if !slices.Contains([]string{"", "starttls", "tls"}, now.TLS) {
		kinds = append(kinds, pages.ConsoleChoice{Value: now.TLS})
	}
	return []pages.ConsoleField{{Name: "from", Label: "console.set_from", Value: now.From},
		{Name: "reply_to", Label: "console.set_reply_to", Value: now.ReplyTo, Optional: true},
		{Name: "host", Label: "console.set_host", Value: now.Host}, {Name: "port", Label: "console.set_port", Value: port, Optional: true},
		{Name: "tls", Label: "console.set_tls", Value: cmp.Or(now.TLS, "starttls"), Choices: kinds},
		{Name: "username", Label: "console.set_username", Value: now.Username, Optional: true},
		{Name: "password", Label: password, Optional: true, Secret: true}}
}
