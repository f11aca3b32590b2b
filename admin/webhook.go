package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"signet/admin/thing"
	"signet/audit/webhook"
)

// Webhooks lists the endpoints of other systems that are told of events.
func (s *Service) Webhooks(ctx context.Context, a Actor) ([]webhook.Webhook, error) {
	ctx, err := s.may(ctx, a, "Webhooks")
	if err != nil {
		return nil, err
	}
	return s.o.Webhooks.List(ctx)
}

// Webhook is one.
func (s *Service) Webhook(ctx context.Context, a Actor, id string) (webhook.Webhook, error) {
	ctx, err := s.may(ctx, a, "Webhook")
	if err != nil {
		return webhook.Webhook{}, err
	}
	w, err := s.o.Webhooks.Get(ctx, id)
	return w, webhookError(err)
}

// hears refuses who may not read the audit log in bulk: an endpoint of theirs would.
func hears(a Actor) error { return over(a, SetOf(AuditExport)) }

// CreateWebhook makes one. The secret, which is made up where none is given, is returned this once.
func (s *Service) CreateWebhook(ctx context.Context, a Actor, w webhook.Webhook, secret string) (made webhook.Webhook, text string,
	err error) {
	err = s.act(ctx, a, "CreateWebhook", func(ctx context.Context) error {
		if err := hears(a); err != nil {
			return err
		}
		made, text, err = s.o.Webhooks.Create(ctx, w, secret)
		return webhookError(err)
	})
	return made, text, err
}

// ChangeWebhook lets do change address, events and description of one that match fits.
func (s *Service) ChangeWebhook(ctx context.Context, a Actor, id, match string, do func(w *webhook.Webhook)) (made webhook.Webhook,
	err error) {
	err = s.act(ctx, a, "ChangeWebhook", func(ctx context.Context) error {
		if err := hears(a); err != nil {
			return err
		}
		made, err = s.o.Webhooks.Change(ctx, id, func(w *webhook.Webhook) error {
			if err := fits(match, *w); err != nil {
				return err
			}
			do(w)
			return nil
		})
		return webhookError(err)
	})
	return made, err
}

// DeleteWebhook removes one; what waits for it is dropped.
func (s *Service) DeleteWebhook(ctx context.Context, a Actor, id string) error {
	return s.act(ctx, a, "DeleteWebhook", func(ctx context.Context) error { return webhookError(s.o.Webhooks.Delete(ctx, id)) })
}

// SetWebhookDisabled stops telling one, or begins again.
func (s *Service) SetWebhookDisabled(ctx context.Context, a Actor, id string, disabled bool) error {
	return s.act(ctx, a, "SetWebhookDisabled", func(ctx context.Context) error {
		if err := hears(a); err != nil && !disabled {
			return err
		}
		_, err := s.o.Webhooks.SetDisabled(ctx, id, disabled)
		return webhookError(err)
	})
}

// RotateWebhookSecret gives one a new secret, which is returned this once; the one before signs as well for a day.
func (s *Service) RotateWebhookSecret(ctx context.Context, a Actor, id string) (text string, err error) {
	err = s.act(ctx, a, "RotateWebhookSecret", func(ctx context.Context) error {
		if err := hears(a); err != nil {
			return err
		}
		_, text, err = s.o.Webhooks.Rotate(ctx, id, "")
		return webhookError(err)
	})
	return text, err
}

// TestWebhook sends one an event that did not happen.
func (s *Service) TestWebhook(ctx context.Context, a Actor, id string) error {
	return s.act(ctx, a, "TestWebhook", func(ctx context.Context) error { return webhookError(s.o.Webhooks.Test(ctx, id)) })
}

// WebhookDeliveries are the events that wait for one or were given up.
func (s *Service) WebhookDeliveries(ctx context.Context, a Actor, id string) ([]webhook.Delivery, error) {
	ctx, err := s.may(ctx, a, "WebhookDeliveries")
	if err != nil {
		return nil, err
	}
	list, err := s.o.Webhooks.Deliveries(ctx, id)
	return list, webhookError(err)
}

// RetryWebhook tries everything that waits for one or was given up now, and says how much that is.
func (s *Service) RetryWebhook(ctx context.Context, a Actor, id string) (n int, err error) {
	err = s.act(ctx, a, "RetryWebhook", func(ctx context.Context) error {
		if err := hears(a); err != nil {
			return err
		}
		n, err = s.o.Webhooks.Retry(ctx, id)
		return webhookError(err)
	})
	return n, err
}

// ReplayWebhook sends again what happened in a time, and says how much that is. last is where to go on; zero = that was all.
func (s *Service) ReplayWebhook(ctx context.Context, a Actor, id string, since, until time.Time) (n int, last time.Time, err error) {
	err = s.act(ctx, a, "ReplayWebhook", func(ctx context.Context) error {
		if err := hears(a); err != nil {
			return err
		}
		n, last, err = s.o.Webhooks.Replay(ctx, id, since, until)
		return webhookError(err)
	})
	return n, last, err
}

func webhookError(err error) error {
	switch {
	case errors.Is(err, webhook.ErrUnknown):
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case errors.Is(err, webhook.ErrInvalid):
		return fromText(errors.New(strings.TrimSpace(err.Error())))
	case errors.Is(err, webhook.ErrMany):
		return fmt.Errorf("%w: %w", ErrConflict, err)
	case errors.Is(err, webhook.ErrStale):
		return ErrChanged
	}
	return err
}

// applyWebhook makes, changes or deletes one.
func (s *Service) applyWebhook(ctx context.Context, p prepared) error {
	before, was := p.before.(thing.Webhook)
	after, is := p.after.(thing.Webhook)
	hooks := s.o.Webhooks
	planned := func(w webhook.Webhook) error {
		if !thing.Same(thing.WebhookOf(w), before) {
			return ErrChanged
		}
		return nil
	}
	if was {
		if err := hooks.Hold(ctx, p.Key, planned); errors.Is(err, webhook.ErrUnknown) {
			return ErrChanged
		} else if err != nil {
			return webhookError(err)
		}
	} else if _, err := hooks.Get(ctx, p.Key); err == nil {
		return ErrChanged
	} else if !errors.Is(err, webhook.ErrUnknown) {
		return err
	}
	var err error
	switch {
	case was && !is:
		return webhookError(hooks.Delete(ctx, p.Key))
	case is && !was:
		_, _, err = hooks.Create(ctx, webhook.Webhook{ID: after.ID, URL: after.URL, Description: after.Description, Events: after.Events},
			p.Secret)
	case is && !thing.Same(before, after):
		_, err = hooks.Change(ctx, p.Key, func(w *webhook.Webhook) error {
			w.URL, w.Description, w.Events = after.URL, after.Description, after.Events
			return nil
		})
	}
	if err == nil && was && is && p.Secret != "" {
		_, _, err = hooks.Rotate(ctx, p.Key, p.Secret)
	}
	if err == nil && is && after.Disabled != before.Disabled {
		_, err = hooks.SetDisabled(ctx, p.Key, after.Disabled)
	}
	return webhookError(err)
}
