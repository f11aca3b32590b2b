package admin

import (
	"context"
	"errors"
	"fmt"

	"signet/admin/setting"
	"signet/admin/thing"
	"signet/admin/view"
	"signet/audit"
)

// Upstreams lists the providers where people sign in.
func (s *Service) Upstreams(ctx context.Context, a Actor) ([]view.Upstream, error) {
	ctx, err := s.may(ctx, a, "Upstreams")
	if err != nil {
		return nil, err
	}
	return s.o.Server.Upstreams(ctx)
}

// Upstream is one, as it is set up.
func (s *Service) Upstream(ctx context.Context, a Actor, id string) (view.UpstreamSettings, error) {
	ctx, err := s.may(ctx, a, "Upstream")
	if err != nil {
		return view.UpstreamSettings{}, err
	}
	return s.upstream(ctx, id)
}

func (s *Service) upstream(ctx context.Context, id string) (view.UpstreamSettings, error) {
	for _, u := range s.o.Settings.Declared() {
		if u.ID == id {
			return s.upstreamView(u, true), nil
		}
	}
	list, err := s.o.Settings.Upstreams(ctx)
	for _, u := range list {
		if u.ID == id {
			return s.upstreamView(u, false), nil
		}
	}
	if err == nil {
		err = ErrNotFound
	}
	return view.UpstreamSettings{}, err
}

func (s *Service) upstreamView(u setting.Upstream, declared bool) view.UpstreamSettings {
	return view.UpstreamSettings{Upstream: u, Declared: declared, RedirectURI: s.o.Server.RedirectURI(u.ID), Version: u.Version}
}

// UpstreamPeople counts who signs in at one, and who cannot sign in otherwise.
func (s *Service) UpstreamPeople(ctx context.Context, a Actor, id string) (setting.Known, error) {
	ctx, err := s.may(ctx, a, "UpstreamPeople")
	if err == nil {
		_, err = s.upstream(ctx, id)
	}
	if err != nil {
		return setting.Known{}, err
	}
	return s.o.Settings.Known(ctx, id)
}

// decidesIdentity refuses who may not do everything: whoever says where people sign in can sign in as any of them.
func decidesIdentity(a Actor) error { return over(a, SetOf(All()...)) }

// CreateUpstream keeps a new one in the database.
func (s *Service) CreateUpstream(ctx context.Context, a Actor, u setting.Upstream, given setting.Secrets) (v view.UpstreamSettings,
	err error) {
	err = s.act(ctx, a, "CreateUpstream", func(ctx context.Context) (err error) {
		if err := decidesIdentity(a); err != nil {
			return err
		}
		v = s.upstreamView(u.Plain(), false)
		v.Version, err = s.createUpstream(ctx, u, given)
		return err
	})
	return v, err
}

func (s *Service) createUpstream(ctx context.Context, u setting.Upstream, given setting.Secrets) (version int64, err error) {
	if version, err = s.o.Settings.CreateUpstream(ctx, u, given); err != nil {
		return 0, upstreamError(err)
	}
	changes := append(changesOf(setting.Upstream{}, u.Plain()), secretChange(given)...)
	return version, s.recordUpstream(ctx, audit.UpstreamCreated, u.ID, changes)
}

// secretChange says that there is another secret, and nothing of it.
func secretChange(given setting.Secrets) (changes []Change) {
	if given.ClientSecret != "" {
		changes = append(changes, Change{Field: "client_secret", New: "(another one)"})
	}
	if given.PrivateKey != "" {
		changes = append(changes, Change{Field: "private_key", New: "(another one)"})
	}
	return changes
}

func (s *Service) recordUpstream(ctx context.Context, name audit.Name, id string, changes []Change) error {
	detail := map[string]any{"upstream": id}
	if len(changes) > 0 {
		detail["changes"] = changes
	}
	return s.o.Audit.Record(ctx, audit.Event{Name: name, Detail: detail})
}

// ChangeUpstream lets do change one that match fits. Secrets that are not given stay; another provider needs its own.
func (s *Service) ChangeUpstream(ctx context.Context, a Actor, id, match string, given setting.Secrets,
	do func(u *setting.Upstream) error) (v view.UpstreamSettings, err error) {
	err = s.act(ctx, a, "ChangeUpstream", func(ctx context.Context) error {
		if err := decidesIdentity(a); err != nil {
			return err
		}
		if err := s.byHand(ctx, a, thing.Upstreams, id); err != nil {
			return err
		}
		after, err := s.changeUpstream(ctx, id, given, func(u *setting.Upstream) error {
			if err := fits(match, s.upstreamView(*u, false)); err != nil {
				return err
			}
			return do(u)
		})
		v = s.upstreamView(after, false)
		return err
	})
	return v, err
}

func (s *Service) changeUpstream(ctx context.Context, id string, given setting.Secrets, do func(u *setting.Upstream) error) (
	after setting.Upstream, err error) {
	var before setting.Upstream
	err = s.keepsAdministrator(ctx, func(ctx context.Context) (err error) {
		before, after, err = s.o.Settings.ChangeUpstream(ctx, id, given, do)
		return upstreamError(err)
	})
	if err != nil {
		return after, err
	}
	changes := append(changesOf(before, after), secretChange(given)...)
	name := audit.UpstreamChanged
	switch {
	case len(changes) == 0:
		return after, nil
	case after.Disabled && !before.Disabled:
		name = audit.UpstreamDisabled
	case before.Disabled && !after.Disabled:
		name = audit.UpstreamEnabled
	}
	return after, s.recordUpstream(ctx, name, id, changes)
}

// DeleteUpstream removes one that match fits. Nobody can sign in there after it; sessions stay, and so does who is linked to it, so that an
// upstream of the same id and issuer lets them in again.
func (s *Service) DeleteUpstream(ctx context.Context, a Actor, id, match string) error {
	return s.act(ctx, a, "DeleteUpstream", func(ctx context.Context) error {
		if err := decidesIdentity(a); err != nil {
			return err
		}
		if err := s.byHand(ctx, a, thing.Upstreams, id); err != nil {
			return err
		}
		return s.deleteUpstream(ctx, id, func(u setting.Upstream) error { return fits(match, s.upstreamView(u, false)) })
	})
}

func (s *Service) deleteUpstream(ctx context.Context, id string, expect func(u setting.Upstream) error) error {
	err := s.keepsAdministrator(ctx, func(ctx context.Context) error {
		return upstreamError(s.o.Settings.DeleteUpstream(ctx, id, expect))
	})
	if err != nil {
		return err
	}
	return s.recordUpstream(ctx, audit.UpstreamDeleted, id, nil)
}

// TestUpstream asks one whether it is there, and set up as it must be. Who signs in there is counted beside.
func (s *Service) TestUpstream(ctx context.Context, a Actor, id string) ([]view.Finding, error) {
	ctx, err := s.may(ctx, a, "TestUpstream")
	if err != nil {
		return nil, err
	}
	list, err := s.o.Server.TryUpstream(ctx, id)
	if err != nil {
		return nil, translate(upstreamError(err))
	}
	known, err := s.o.Settings.Known(ctx, id)
	text := fmt.Sprintf("%d people are linked to it, %d of whom have no password, passkey or other upstream", known.People, known.Only)
	return append(list, view.Finding{Check: "people", State: view.StateNotice, Text: text}), err
}

func upstreamError(err error) error {
	if wrong, ok := errors.AsType[setting.Invalid](err); ok {
		return fromText(wrong)
	}
	for _, known := range []error{setting.ErrDeclared, setting.ErrMany, setting.ErrLinked, setting.ErrTaken} {
		if errors.Is(err, known) {
			return fmt.Errorf("%w: %w", ErrConflict, known)
		}
	}
	switch {
	case errors.Is(err, setting.ErrUnknown):
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case errors.Is(err, setting.ErrStale):
		return ErrChanged
	}
	return err
}

// secretsOf are those of an upstream from files, which have one: the private key of Apple, the secret of all others.
func secretsOf(t thing.Upstream, secret string) setting.Secrets {
	if t.Kind == "apple" {
		return setting.Secrets{PrivateKey: secret}
	}
	return setting.Secrets{ClientSecret: secret}
}

// applyUpstream makes, changes or deletes one.
func (s *Service) applyUpstream(ctx context.Context, p prepared) error {
	before, was := p.before.(thing.Upstream)
	after, is := p.after.(thing.Upstream)
	planned := func(u setting.Upstream) error {
		if !thing.Same(thing.Upstream{Upstream: u.Plain()}, before) {
			return ErrChanged
		}
		return nil
	}
	var err error
	switch {
	case was && !is:
		err = s.deleteUpstream(ctx, p.Key, planned)
	case is && !was:
		if _, err = s.createUpstream(ctx, after.Upstream, secretsOf(after, p.Secret)); errors.Is(err, setting.ErrTaken) {
			return ErrChanged
		}
	case is:
		_, err = s.changeUpstream(ctx, p.Key, secretsOf(after, p.Secret), func(u *setting.Upstream) error {
			if err := planned(*u); err != nil {
				return err
			}
			*u = after.Upstream
			return nil
		})
	}
	if was && errors.Is(err, ErrNotFound) {
		return ErrChanged
	}
	return err
}
