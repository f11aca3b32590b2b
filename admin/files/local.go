package files

import (
	"context"
	"errors"

	"signet/admin"
	"signet/admin/setting"
	"signet/admin/thing"
	"signet/admin/view"
	"signet/audit/webhook"
)

// Local is a server whose database is at hand.
type Local struct {
	Acts  *admin.Service
	Actor admin.Actor
}

// Source implements Target.
func (l Local) Source() Source { return lists(l) }

// CheckStep implements Target.
func (l Local) CheckStep(ctx context.Context, s thing.Step) error {
	return l.Acts.CheckStep(ctx, l.Actor, s)
}

// SecretState implements Target.
func (l Local) SecretState(ctx context.Context, kind, id, secret string) (thing.SecretState, error) {
	if kind == thing.Upstreams {
		return l.Acts.UpstreamSecretState(ctx, l.Actor, id, secret)
	}
	if kind == thing.Webhooks {
		return l.Acts.WebhookSecretState(ctx, l.Actor, id, secret)
	}
	if kind == thing.Settings {
		return l.Acts.SettingSecretState(ctx, l.Actor, id, secret)
	}
	return l.Acts.SecretState(ctx, l.Actor, id, secret)
}

// Apply implements Target.
func (l Local) Apply(ctx context.Context, s thing.Step) error { return l.Acts.Apply(ctx, l.Actor, s) }

type lists Local

func (l lists) Clients(ctx context.Context, q admin.Ask) (admin.Page[admin.Client], error) {
	return l.Acts.Clients(ctx, l.Actor, q)
}

func (l lists) Resources(ctx context.Context) (all []thing.Resource, err error) {
	list, err := l.Acts.Resources(ctx, l.Actor)
	for _, r := range list {
		all = append(all, thing.Resource{Resource: r, Declared: r.Declared})
	}
	return all, err
}

func (l lists) Groups(ctx context.Context, q admin.Ask) (admin.Page[admin.Group], error) {
	return l.Acts.Groups(ctx, l.Actor, q)
}

func (l lists) Roles(ctx context.Context, q admin.Ask) (admin.Page[admin.Role], error) {
	return l.Acts.Roles(ctx, l.Actor, q)
}

// Managed implements Target.
func (l Local) Managed(ctx context.Context, q admin.Ask) (admin.Page[thing.Managed], error) {
	return l.Acts.Managed(ctx, l.Actor, q)
}

func (l lists) Systems(ctx context.Context) (hooks []webhook.Webhook, all []thing.Upstream, sections []thing.Setting, err error) {
	if hooks, err = l.Acts.Webhooks(ctx, l.Actor); Seen(err) != nil {
		return nil, nil, nil, err
	}
	sections, err = Stored(func(id string) (setting.State, error) { return l.Acts.Setting(ctx, l.Actor, id) })
	if err != nil {
		return nil, nil, nil, err
	}
	list, err := l.Acts.Upstreams(ctx, l.Actor)
	for _, u := range list {
		if !u.Declared && err == nil {
			var one view.UpstreamSettings
			one, err = l.Acts.Upstream(ctx, l.Actor, u.ID)
			all = append(all, thing.Upstream{Upstream: one.Plain()})
		}
	}
	return hooks, all, sections, Seen(err)
}

// Stored are the sections of the configuration that are kept in the database, of those that may be seen.
func Stored(ask func(id string) (setting.State, error)) (list []thing.Setting, err error) {
	for _, id := range []string{setting.Branding, setting.Mail} {
		now, err := ask(id)
		if Seen(err) != nil && !errors.Is(err, admin.ErrNotFound) { // an older server has none
			return nil, err
		}
		if err == nil && now.Origin == setting.OriginStored {
			list = append(list, thing.Setting{Section: now.Plain()})
		}
	}
	return list, nil
}
