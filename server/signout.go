package server

import (
	"context"

	"signet/audit"
	"signet/internal/egress"
	"signet/internal/outbox"
	"signet/internal/seal"
	"signet/oauth"
	"signet/oauth/ciba"
	"signet/oauth/logout"
	"signet/oauth/tokens"
)

// openSignout builds what tells clients that a session ended: people must not import the protocol.
func (h *Services) openSignout() (err error) {
	if h.Deliveries, err = outbox.New(h.DB, sealer{h.Master, h}, seal.Place); err != nil {
		return err
	}
	h.Logouts = &logout.Notices{Issuer: h.Config.Server.Issuer, Store: h.DB, Clients: h.Clients, Outbox: h.Deliveries}
	return nil
}

// sessionEnded is session.Options.Ended.
func (h *Services) sessionEnded(ctx context.Context, sessionID string) error {
	return h.Logouts.SessionEnded(ctx, sessionID)
}

// sendsLogouts builds what empties the outbox.
func (h *Services) sendsLogouts(issuer *tokens.Issuer, provider *oauth.Provider) (*outbox.Delivery, error) {
	h.Logouts.Names = h.calls()
	out := h.wayOut(egress.Options{MaxBody: 1, InFlight: 64, PerHost: 16})
	pings := &ciba.Sender{Clients: h.Clients, Fetch: out.Fetch}
	pushes := &ciba.Pusher{Sender: *pings, Store: h.DB, Outbox: h.Deliveries, Maker: maker{h, provider}, On: h.Config.CIBA.Push}
	sender := &logout.Sender{Clients: h.Clients, Sign: issuer.SignLogout, Fetch: out.Fetch, Names: h.Logouts.Names}
	return outbox.NewDelivery(outbox.DeliveryOptions{
		Outbox: h.Deliveries, Store: h.DB, Log: h.Log,
		Senders: map[string]outbox.Sender{
			logout.Kind: sender.Send, ciba.PingKind: pings.Send, ciba.PushKind: pushes.Make, ciba.AnswerKind: pushes.Send,
		},
		Count: func(kind, outcome string) {
			switch kind {
			case ciba.PingKind:
				h.Metrics.PingSent(outcome)
			case ciba.AnswerKind:
				h.Metrics.TokensPushed(outcome)
			case logout.Kind:
				h.Metrics.LogoutSent(outcome)
			}
		},
		Failed: func(ctx context.Context, kind, clientID, why string) error {
			name := audit.LogoutFailed
			switch kind {
			case ciba.PingKind:
				name = audit.PingFailed
			case ciba.PushKind, ciba.AnswerKind:
				name = audit.PushFailed
			}
			return h.Audit.Record(ctx, audit.Event{
				Name: name, Outcome: audit.Failure, ActorID: "system", ClientID: clientID, Detail: map[string]string{"error": why},
			})
		},
	})
}
