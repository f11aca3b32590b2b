package config

import (
	"errors"
	"reflect"
	"slices"
	"strings"
)

// The sections that an administrator can keep in the database.
const (
	SectionBranding = "branding"
	SectionMail     = "mail"
)

// ofHost are the keys of those sections that name files of the host: only the configuration has them.
var ofHost = []string{"branding.css_file", "branding.languages", "mail.directory"}

// Declares reports whether a source says something of a section that the database could keep.
func (c Config) Declares(section string) bool {
	before := leaves(reflect.ValueOf(Default()), "")
	for i, l := range leaves(reflect.ValueOf(c), "") {
		if strings.HasPrefix(l.key, section+".") && !slices.Contains(ofHost, l.key) &&
			(c.Origin(l.key) != OriginDefault || !reflect.DeepEqual(l.value.Interface(), before[i].value.Interface())) {
			return true
		}
	}
	return false
}

// WithBranding is the tree with how pages look as the database keeps it.
func (c Config) WithBranding(b Branding) Config {
	b.Stored, b.CSSFile, b.Languages = true, c.Branding.CSSFile, c.Branding.Languages
	c.Branding = b
	return c
}

// WithMail is the tree with the mail server that the database keeps.
func (c Config) WithMail(m Mail) Config {
	m.Sender, m.Stored, m.Directory = MailSMTP, true, c.Mail.Directory
	c.Mail = m
	return c
}

func (c Config) withoutSections() Config {
	d := Default()
	if c.Branding.Stored {
		d.Branding.CSSFile, d.Branding.Languages = c.Branding.CSSFile, c.Branding.Languages
		c.Branding = d.Branding
	}
	if c.Mail.Stored {
		d.Mail.Directory = c.Mail.Directory
		c.Mail = d.Mail
	}
	return c
}

// CheckSection is what is wrong with a section that is to be kept in the database, as it is in the tree: a line for each mistake, which
// begins with the field.
func (c Config) CheckSection(section string) error {
	var bad complaints
	if section == SectionMail {
		c.checkMail(&bad)
	} else {
		c.checkBranding(&bad)
	}
	var own []error
	for _, err := range bad {
		text := strings.TrimPrefix(err.Error(), section+".")
		if field, is := strings.CutPrefix(text, "smtp"); is {
			text = strings.TrimPrefix(field, ".")
			if strings.HasPrefix(text, ": ") {
				text = "password" + text
			}
		}
		own = append(own, errors.New(text))
	}
	return errors.Join(own...)
}
