package admin

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"

	"signet/admin/thing"
	"signet/storage"
)

// SecretState tells what a secret is to a client, for who may give it another one.
func (s *Service) SecretState(ctx context.Context, a Actor, id, secret string) (state thing.SecretState, err error) {
	if ctx, err = s.may(ctx, a, "SecretState"); err != nil {
		return state, err
	}
	c, err := s.o.Clients.Current(ctx, id)
	if err != nil {
		return state, translate(err)
	}
	if err := overClient(a, c.Metadata); err != nil {
		return state, err
	}
	state.Valid = s.o.Clients.CheckSecret(ctx, c, secret)
	state.Applied, err = s.wasApplied(ctx, thing.Clients, id, secret)
	return state, err
}

// wasApplied reports whether a secret is the one that files gave a thing last.
func (s *Service) wasApplied(ctx context.Context, kind, key, secret string) (bool, error) {
	mark, err := s.appliedSecret(ctx, kind, key)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return err == nil && mark != "" && s.o.Clients.Marked(mark, secret), err
}

// appliedSecret is the mark of the secret that was applied last to a thing; "" = none was.
func (s *Service) appliedSecret(ctx context.Context, kind, key string) (string, error) {
	_, raw, _, err := s.o.Stores.Managed.ManagedOf(ctx, kind, key)
	if err != nil {
		return "", err
	}
	var d managedData
	err = json.Unmarshal(raw, &d)
	return d.Secret, err
}

// WebhookSecretState tells what a secret is to a webhook.
func (s *Service) WebhookSecretState(ctx context.Context, a Actor, id, secret string) (state thing.SecretState, err error) {
	if ctx, err = s.may(ctx, a, "WebhookSecretState"); err != nil {
		return state, err
	}
	if err := hears(a); err != nil {
		return state, err
	}
	if state.Valid, err = s.o.Webhooks.Signs(ctx, id, secret); err != nil {
		return state, translate(webhookError(err))
	}
	state.Applied, err = s.wasApplied(ctx, thing.Webhooks, id, secret)
	return state, err
}

// UpstreamSecretState tells what a secret is to an upstream that is kept in the database.
func (s *Service) UpstreamSecretState(ctx context.Context, a Actor, id, secret string) (state thing.SecretState, err error) {
	if ctx, err = s.may(ctx, a, "UpstreamSecretState"); err != nil {
		return state, err
	}
	if err := decidesIdentity(a); err != nil {
		return state, err
	}
	kept, err := s.o.Settings.Kept(ctx, id)
	if err != nil && kept.ID == "" { // what is kept and lost is no secret any more: another one mends it
		return state, translate(upstreamError(err))
	}
	given := secretsOf(thing.Upstream{Upstream: kept.Upstream}, secret)
	same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
	state.Valid = secret != "" && (given.ClientSecret != "" && same(given.ClientSecret, kept.Secrets.ClientSecret) ||
		given.PrivateKey != "" && same(given.PrivateKey, kept.Secrets.PrivateKey))
	state.Applied, err = s.wasApplied(ctx, thing.Upstreams, id, secret)
	return state, err
}

// SettingSecretState tells what a secret is to a section that is kept in the database.
func (s *Service) SettingSecretState(ctx context.Context, a Actor, id, secret string) (state thing.SecretState, err error) {
	if ctx, err = s.may(ctx, a, "SettingSecretState"); err != nil {
		return state, err
	}
	if err := decides(a, id); err != nil {
		return state, err
	}
	kept, err := s.o.Settings.KeptSection(ctx, id)
	if err != nil && kept.ID == "" {
		return state, translate(upstreamError(err))
	}
	state.Valid = secret != "" && err == nil && subtle.ConstantTimeCompare([]byte(secret), []byte(kept.Password)) == 1
	state.Applied, err = s.wasApplied(ctx, thing.Settings, id, secret)
	return state, err
}
