package setting

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"signet/internal/typed"
	"signet/storage"
)

// The sections of the configuration that can be kept.
const (
	Branding = "branding"
	Mail     = "mail"
)

// Section is a section of the configuration that is kept as a whole, but for its secret: how pages look, or by which server emails are
// sent.
type Section struct {
	ID string `json:"id" enum:"branding,mail"`

	Name     string     `json:"name,omitempty" maxLength:"60" doc:"Of branding: beside the logo, in titles and emails."`
	Color    string     `json:"color,omitempty" maxLength:"7" doc:"Of branding, like #1f6f54; shades for light and dark are made of it."`
	Logo     string     `json:"logo,omitempty" maxLength:"12000" doc:"Of branding: the text of an SVG file, or data:image/png;base64,…"`
	LogoDark string     `json:"logo_dark,omitempty" maxLength:"12000" doc:"Of branding: the one on dark pages, if it is another."`
	Links    []FootLink `json:"links,omitempty" maxItems:"6" doc:"Of branding: at the foot of each page."`

	From     string `json:"from,omitempty" maxLength:"320" doc:"Of mail: an address, or Name <address>."`
	ReplyTo  string `json:"reply_to,omitempty" maxLength:"320" doc:"Of mail: where answers go."`
	Host     string `json:"host,omitempty" maxLength:"253" doc:"Of mail: the SMTP server."`
	Port     int64  `json:"port,omitempty" minimum:"0" maximum:"65535" doc:"Of mail; left out: 587, or 465 with tls."`
	TLS      string `json:"tls,omitempty" enum:"starttls,tls,none" doc:"Of mail; left out: starttls."`
	Username string `json:"username,omitempty" maxLength:"320" doc:"Of mail; the password is never told."`
}

// FootLink is one at the foot of each page.
type FootLink struct {
	Title string `json:"title" maxLength:"40"`
	URL   string `json:"url" maxLength:"2048"`
}

// Where a section comes from.
const (
	OriginDefault  = "default"
	OriginDeclared = "declared"
	OriginStored   = "stored"
)

// State is a section as it is in use, and where it comes from.
type State struct {
	Section
	Origin      string `json:"origin" enum:"default,declared,stored" doc:"declared: config.yaml has it, and only that changes it."`
	PasswordSet bool   `json:"password_set,omitempty" doc:"Of mail that is stored."`
	Version     int64  `json:"version,omitempty" doc:"Of what is stored; another password is another version."`
	Problem     string `json:"problem,omitempty" doc:"Why it is stored and not used."`
}

// Plain is the same section in the way that all are written.
func (s Section) Plain() Section {
	if len(s.Links) == 0 {
		s.Links = nil
	}
	return s
}

// only is what a section has of those that its id is about.
func (s Section) only() Section {
	switch s.ID {
	case Branding:
		return Section{ID: s.ID, Name: s.Name, Color: s.Color, Logo: s.Logo, LogoDark: s.LogoDark, Links: s.Links}
	case Mail:
		return Section{ID: s.ID, From: s.From, ReplyTo: s.ReplyTo, Host: s.Host, Port: s.Port, TLS: s.TLS, Username: s.Username}
	}
	return Section{}
}

// Away reports whether emails go elsewhere than before: another server must not get the password that was given for that one.
func (s Section) Away(before Section) bool {
	return s.Host != before.Host || s.Port != before.Port || s.TLS != before.TLS || s.Username != before.Username
}

// mistakes are those that the configuration's own rules do not know.
func (s Section) mistakes(password string) (wrong Invalid) {
	add := func(bad bool, field, text string) {
		if bad {
			wrong = append(wrong, field+": "+text)
		}
	}
	add(!same(s.Plain(), s.only().Plain()), "id", "has fields of another section")
	texts := map[string]string{"name": s.Name, "from": s.From, "reply_to": s.ReplyTo, "host": s.Host, "username": s.Username}
	for _, link := range s.Links {
		texts["links"] += link.Title + link.URL
		add(strings.TrimSpace(link.Title) == "", "links", "a title is blank")
		add(len(link.URL) > longestURL, "links", "an address is too long")
	}
	for _, field := range []string{"name", "from", "reply_to", "host", "username", "links"} {
		add(typed.Hidden(texts[field]) || strings.ContainsRune(texts[field], unicode.ReplacementChar), field, "has characters that nobody sees")
		add(texts[field] != "" && strings.TrimSpace(texts[field]) == "", field, "is blank")
		add(field != "links" && len(texts[field]) > longestText, field, "is too long")
	}
	add(len(s.Logo)+len(s.LogoDark) > LongestLogos, "logo",
		fmt.Sprintf("and logo_dark have more than %d characters together; larger ones are files that config.yaml names", LongestLogos))
	for field, text := range map[string]string{"logo": s.Logo, "logo_dark": s.LogoDark} {
		if _, err := Picture(text); err != nil && len(text) <= LongestLogos {
			add(true, field, err.Error())
		}
	}
	add(len(password) > longestSecret, "password", "is too long")
	slices.Sort(wrong)
	return wrong
}

// LongestLogos is how many characters both logos may have together, as they are kept.
const LongestLogos = 12_000

// Bounds of what is kept.
const (
	longestText   = 320
	longestURL    = 2048
	longestSecret = 1024
)

// KeptSection is one with its secret.
type KeptSection struct {
	Section
	Password string
}

// sectionRow is a section as it is kept.
type sectionRow struct {
	Section
	sealed  []byte
	version int64
	broken  error
}

func (r sectionRow) open(sealer Sealer, place Place) (password string, err error) {
	if r.sealed == nil {
		return "", nil
	}
	plain, err := sealer.Open(r.sealed, place("settings", r.ID, "sealed"))
	if err != nil {
		return "", fmt.Errorf("secret of %s: %w", r.ID, err)
	}
	return string(plain), nil
}

// section is one that is kept; nil = it is not. ErrUnknown, ErrDeclared.
func (s *Service) section(ctx context.Context, id string) (r *sectionRow, now Section, err error) {
	if id != Branding && id != Mail {
		return nil, now, ErrUnknown
	}
	now, declared := s.o.Section(id)
	if declared {
		return nil, now, ErrDeclared
	}
	_, all, err := rows(ctx, s.o.Store)
	for i := range all {
		if all[i].ID == id {
			return &all[i], all[i].Section, err
		}
	}
	return nil, now, err
}

// Section is one as it is in use. ErrUnknown.
func (s *Service) Section(ctx context.Context, id string) (State, error) {
	r, now, err := s.section(ctx, id)
	switch {
	case errors.Is(err, ErrDeclared):
		return State{Section: now, Origin: OriginDeclared}, nil
	case err != nil:
		return State{}, err
	case r == nil:
		return State{Section: now, Origin: OriginDefault}, nil
	}
	return s.state(*r), nil
}

func (s *Service) state(r sectionRow) State {
	st := State{Section: r.Section, Origin: OriginStored, PasswordSet: r.sealed != nil, Version: r.version}
	password, err := r.open(s.o.Sealer, s.o.Place)
	if err = errors.Join(r.broken, err); err == nil {
		err = s.checkSection(r.Section, password)
	}
	if err != nil {
		st.Problem = err.Error()
	}
	return st
}

// CheckSection says what is wrong with a section that is to be kept.
func (s *Service) CheckSection(ctx context.Context, next Section, password string) error {
	r, _, err := s.section(ctx, next.ID)
	if err != nil {
		return err
	}
	return s.checkSection(next, s.over(r, next, password))
}

func (s *Service) checkSection(next Section, password string) error {
	wrong := next.mistakes(password)
	if err := s.o.CheckSection(next, password); err != nil && len(wrong) == 0 {
		wrong = strings.Split(err.Error(), "\n")
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

// over is the password after a change: the one before stays, unless emails go elsewhere.
func (s *Service) over(r *sectionRow, next Section, given string) string {
	if given != "" || next.Username == "" || r == nil || next.Away(r.Section) {
		return given
	}
	before, err := r.open(s.o.Sealer, s.o.Place)
	if err != nil {
		return "" // lost: it has to be given anew
	}
	return before
}

// ChangeSection lets do change a section as it is in use, and keeps it; run it in a transaction. A password that is not given stays, unless
// emails go elsewhere then.
func (s *Service) ChangeSection(ctx context.Context, id, password string, do func(now State, next *Section) error) (before, after State,
	err error) {
	if err := s.o.Store.LockSettings(ctx); err != nil {
		return before, after, fmt.Errorf("lock settings: %w", err)
	}
	r, now, err := s.section(ctx, id)
	if err != nil {
		return before, after, err
	}
	before = State{Section: now, Origin: OriginDefault}
	if r != nil {
		before = s.state(*r)
	}
	next := now
	next.Links = slices.Clone(now.Links)
	if err := do(before, &next); err != nil {
		return before, after, err
	}
	next.ID = id
	next = next.Plain()
	full := s.over(r, next, password)
	after = State{Section: next, Origin: OriginStored, PasswordSet: full != ""}
	if err := s.checkSection(next, full); err != nil {
		return before, after, err
	}
	data, sealed, err := s.sealed(id, next, []byte(full))
	switch {
	case err != nil:
		return before, after, err
	case r == nil:
		after.Version, err = s.o.Store.InsertSetting(ctx, id, data, sealed)
	default:
		after.Version = r.version + 1
		err = s.o.Store.UpdateSetting(ctx, id, r.version, data, sealed)
	}
	if errors.Is(err, storage.ErrStale) || errors.Is(err, storage.ErrConflict) {
		return before, after, ErrStale
	} else if err != nil {
		return before, after, fmt.Errorf("write %s: %w", id, err)
	}
	return before, after, nil
}

// ResetSection forgets what is kept of a section that expect allows, so that what the configuration says counts again; run it in a
// transaction. ErrUnknown: nothing is kept.
func (s *Service) ResetSection(ctx context.Context, id string, expect func(now State) error) error {
	if err := s.o.Store.LockSettings(ctx); err != nil {
		return fmt.Errorf("lock settings: %w", err)
	}
	r, _, err := s.section(ctx, id)
	if err == nil && r == nil {
		err = ErrUnknown
	}
	if err == nil {
		err = expect(s.state(*r))
	}
	if err != nil {
		return err
	}
	if err := s.o.Store.DeleteSetting(ctx, id, r.version); errors.Is(err, storage.ErrStale) {
		return ErrStale
	} else if err != nil {
		return fmt.Errorf("delete %s: %w", id, err)
	}
	return nil
}

// KeptSection is what is kept of a section, with its secret. ErrUnknown, ErrDeclared.
func (s *Service) KeptSection(ctx context.Context, id string) (k KeptSection, err error) {
	r, _, err := s.section(ctx, id)
	if err == nil && r == nil {
		err = ErrUnknown
	}
	if err != nil {
		return k, err
	}
	k.Section = r.Section
	k.Password, err = r.open(s.o.Sealer, s.o.Place)
	return k, errors.Join(r.broken, err)
}
