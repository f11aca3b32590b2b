package admin

import (
	"context"
	"errors"
	"net/mail"

	"signet/admin/setting"
	"signet/admin/thing"
	"signet/admin/view"
	"signet/audit"
)

// Setting is a section of the configuration that can be kept in the database: setting.Branding or setting.Mail.
func (s *Service) Setting(ctx context.Context, a Actor, id string) (setting.State, error) {
	ctx, err := s.may(ctx, a, "Setting")
	if err != nil {
		return setting.State{}, err
	}
	now, err := s.o.Settings.Section(ctx, id)
	return now, translate(upstreamError(err))
}

// decides refuses who may not do everything where a section decides who somebody is: whoever gets emails can reset every password.
func decides(a Actor, id string) error {
	if id == setting.Mail {
		return decidesIdentity(a)
	}
	return nil
}

// ChangeSetting lets do change a section that match fits, which is kept in the database from then on. A password that is not given stays,
// unless emails go elsewhere after it.
func (s *Service) ChangeSetting(ctx context.Context, a Actor, id, match, password string, do func(next *setting.Section) error) (
	after setting.State, err error) {
	err = s.act(ctx, a, "ChangeSetting", func(ctx context.Context) (err error) {
		if err := decides(a, id); err != nil {
			return err
		}
		if err := s.byHand(ctx, a, thing.Settings, id); err != nil {
			return err
		}
		after, err = s.changeSetting(ctx, id, password, func(now setting.State, next *setting.Section) error {
			if err := fits(match, now); err != nil {
				return err
			}
			return do(next)
		})
		return err
	})
	return after, err
}

// PreviewSetting is a section that match fits as do would leave it. It is checked as ChangeSetting checks it, and nothing is written.
func (s *Service) PreviewSetting(ctx context.Context, a Actor, id, match string, do func(next *setting.Section) error) (
	next setting.Section, err error) {
	if ctx, err = s.may(ctx, a, "PreviewSetting"); err != nil {
		return next, err
	}
	if err := decides(a, id); err != nil {
		return next, err
	}
	now, err := s.o.Settings.Section(ctx, id)
	if err == nil {
		err = fits(match, now)
	}
	if err != nil {
		return next, translate(upstreamError(err))
	}
	next = now.Section
	if err := do(&next); err != nil {
		return next, err
	}
	next.ID = id
	return next.Plain(), translate(upstreamError(s.o.Settings.CheckSection(ctx, next.Plain(), "")))
}

func (s *Service) changeSetting(ctx context.Context, id, password string, do func(now setting.State, next *setting.Section) error) (
	after setting.State, err error) {
	before, after, err := s.o.Settings.ChangeSection(ctx, id, password, do)
	if err != nil {
		return after, upstreamError(err)
	}
	changes := changesOf(before.Section, after.Section)
	if password != "" {
		changes = append(changes, Change{Field: "password", New: "(another one)"})
	}
	if len(changes) == 0 && before.Origin == after.Origin {
		return after, nil
	}
	return after, s.recordSetting(ctx, audit.SettingChanged, id, changes)
}

func (s *Service) recordSetting(ctx context.Context, name audit.Name, id string, changes []Change) error {
	detail := map[string]any{"setting": id}
	if len(changes) > 0 {
		detail["changes"] = changes
	}
	return s.o.Audit.Record(ctx, audit.Event{Name: name, Detail: detail})
}

// ResetSetting forgets what is kept of a section that match fits: what the configuration says counts again.
func (s *Service) ResetSetting(ctx context.Context, a Actor, id, match string) error {
	return s.act(ctx, a, "ResetSetting", func(ctx context.Context) error {
		if err := decides(a, id); err != nil {
			return err
		}
		if err := s.byHand(ctx, a, thing.Settings, id); err != nil {
			return err
		}
		return s.resetSetting(ctx, id, func(now setting.State) error { return fits(match, now) })
	})
}

func (s *Service) resetSetting(ctx context.Context, id string, expect func(now setting.State) error) error {
	if err := s.o.Settings.ResetSection(ctx, id, expect); err != nil {
		return upstreamError(err)
	}
	return s.recordSetting(ctx, audit.SettingReset, id, nil)
}

// TestMail sends an email to an address at once, and tells what the mail server says. language is a tag; "" = English.
func (s *Service) TestMail(ctx context.Context, a Actor, to, language string) ([]view.Finding, error) {
	ctx, err := s.may(ctx, a, "TestMail")
	if err == nil {
		err = decidesIdentity(a)
	}
	if err != nil {
		return nil, err
	}
	if at, err := mail.ParseAddress(to); err != nil || at.Address != to || len(to) > 320 {
		return nil, invalid("to", "is not an address")
	}
	return s.o.Server.TryMail(ctx, to, language)
}

// applySetting keeps, changes or forgets a section.
func (s *Service) applySetting(ctx context.Context, p prepared) error {
	before, was := p.before.(thing.Setting)
	after, is := p.after.(thing.Setting)
	planned := func(now setting.State) error {
		if stored := now.Origin == setting.OriginStored; stored != was || was && !thing.Same(thing.Setting{Section: now.Plain()}, before) {
			return ErrChanged
		}
		return nil
	}
	var err error
	switch {
	case is:
		_, err = s.changeSetting(ctx, p.Key, p.Secret, func(now setting.State, next *setting.Section) error {
			*next = after.Section
			return planned(now)
		})
	case was:
		err = s.resetSetting(ctx, p.Key, planned)
	}
	if was && errors.Is(err, ErrNotFound) {
		return ErrChanged
	}
	return err
}
