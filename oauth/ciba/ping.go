package ciba

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"signet/clients"
	"signet/internal/egress"
	"signet/internal/outbox"
)

// PingKind of the items in the outbox that tell an app that it may ask.
const PingKind = "ciba ping"

// ping is what one is made of when it is sent.
type ping struct {
	ID    string    `json:"auth_req_id"`
	Token string    `json:"token"`
	Until time.Time `json:"until"` // when there is nothing to ask for any more
}

// Clients knows them; *clients.Registry.
type Clients interface {
	Client(ctx context.Context, id string) (*clients.Client, error)
}

// Sender sends pings.
type Sender struct {
	Clients Clients
	Fetch   func(ctx context.Context, q egress.Request) (egress.Response, error)
}

// Send is the outbox.Sender of PingKind (CIBA Core section 10.2). Redirects are not followed, the body of the answer is not read.
func (s *Sender) Send(ctx context.Context, x outbox.Sending) error {
	c, err := s.Clients.Client(ctx, x.ClientID)
	if errors.Is(err, clients.ErrUnknown) || err == nil && (!c.Enabled() || !c.Pings() || c.CreatedAt.After(x.CreatedAt)) {
		return outbox.ErrMoot
	}
	if err != nil {
		return err
	}
	var p ping
	if err := x.Facts(&p); err != nil {
		return err
	}
	if time.Now().After(p.Until) {
		return outbox.ErrMoot
	}
	body, err := json.Marshal(map[string]string{"auth_req_id": p.ID})
	if err != nil {
		return fmt.Errorf("write ping: %w", err)
	}
	a, err := s.Fetch(ctx, egress.Request{
		Method: "POST", URL: c.BackchannelNotification, Body: body, StatusOnly: true,
		Header: map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + p.Token},
	})
	switch {
	case err != nil:
		return err
	case a.Status >= 200 && a.Status < 300:
		return nil
	case a.Status < 500:
		return fmt.Errorf("%w: status %d", outbox.ErrRefused, a.Status)
	}
	return fmt.Errorf("status %d", a.Status)
}
