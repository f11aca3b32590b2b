package server

import (
	"cmp"
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"

	"signet/admin/setting"
	"signet/admin/view"
	"signet/config"
	"signet/internal/egress"
	"signet/internal/mail"
)

// takeSections puts into the configuration the sections that are kept in the database and not declared.
func (h *Services) takeSections(kept []setting.KeptSection, out func(id string, err error)) {
	for _, k := range kept {
		if h.file.Declares(k.ID) {
			continue
		}
		if err := h.checkSection(k.Section, k.Password); err != nil {
			out(k.ID, err)
			continue
		}
		h.Config = withSection(h.Config, k.Section, k.Password)
	}
}

// withSection is the tree with a section that fits.
func withSection(c config.Config, s setting.Section, password string) config.Config {
	if s.ID == setting.Mail {
		return c.WithMail(config.Mail{From: s.From, ReplyTo: s.ReplyTo, SMTP: config.SMTP{Host: s.Host, Port: int(s.Port),
			TLS: cmp.Or(s.TLS, mail.StartTLS), Username: s.Username, Password: config.NewSecret(password)}})
	}
	b := config.Branding{Name: cmp.Or(s.Name, config.Default().Branding.Name), Color: s.Color}
	b.LogoImage, _ = setting.Picture(s.Logo) // which fits
	b.LogoDarkImage, _ = setting.Picture(s.LogoDark)
	for _, link := range s.Links {
		b.Links = append(b.Links, config.FootLink(link))
	}
	return c.WithBranding(b)
}

// declaredSection is a section as the configuration has it, and whether anything of it is declared.
func (h *Services) declaredSection(id string) (s setting.Section, declared bool) {
	s.ID, declared = id, h.file.Declares(id)
	switch b, m := h.file.Branding, h.file.Mail; {
	case id == setting.Branding:
		s.Name, s.Color = b.Name, b.Color
		for _, link := range b.Links {
			s.Links = append(s.Links, setting.FootLink(link))
		}
	case declared:
		s.From, s.ReplyTo, s.Host, s.Port = m.From, m.ReplyTo, m.SMTP.Host, int64(m.SMTP.Port)
		s.TLS, s.Username = m.SMTP.TLS, m.SMTP.Username
	}
	return s, declared
}

// checkSection is what the configuration's rules say of a section that is to be kept.
func (h *Services) checkSection(s setting.Section, password string) error {
	var errs []error
	for field, text := range map[string]string{"logo": s.Logo, "logo_dark": s.LogoDark} {
		if _, err := setting.Picture(text); err != nil {
			errs = append(errs, errors.New(field+": "+err.Error()))
		}
	}
	if inside(s.Host, slices.Concat(h.file.Egress.InnerHosts, h.file.Egress.AllowHosts)) {
		errs = append(errs, errors.New("host: is inside: only config.yaml can name it, or a host of egress.inner_hosts"))
	}
	next := withSection(h.file, s, password)
	err := errors.Join(append(errs, next.CheckSection(s.ID))...)
	if err == nil && s.ID == setting.Branding {
		_, err = newPages(next, nil) // what is kept must never keep a server from being built
	}
	return err
}

// inside reports whether a host is an address that is not on the public network, and not listed.
func inside(host string, listed []string) bool {
	host = strings.Trim(host, "[]")
	named := slices.ContainsFunc(listed, func(one string) bool { return strings.EqualFold(one, host) })
	return !named && net.ParseIP(host) != nil && !egress.Public(net.JoinHostPort(host, "25"))
}

// tryMail sends an email at once, by what is set now.
func (h *Services) tryMail(ctx context.Context, to, language string) (list []view.Finding, err error) {
	c := h.file
	kept, err := h.Settings.KeptSection(ctx, setting.Mail)
	switch {
	case err == nil:
		if err := h.checkSection(kept.Section, kept.Password); err != nil {
			return []view.Finding{found("mail", "", err, "")}, nil
		}
		c = withSection(c, kept.Section, kept.Password)
	case !errors.Is(err, setting.ErrUnknown) && !errors.Is(err, setting.ErrDeclared):
		return []view.Finding{found("mail", "", err, "")}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	err = TestMail(ctx, c, to, language, os.Stderr)
	return []view.Finding{found("mail", "the mail server has taken an email to "+to, err, "")}, nil
}
