package server

import (
	"context"
	"time"

	"signet/audit/webhook"
	"signet/internal/egress"
	"signet/internal/outbox"
	"signet/internal/seal"
)

const (
	webhooksEvery = 5 * time.Second
	webhookLimit  = 15 * time.Second // that a receiver may take
)

// openWebhooks builds what tells audit events to other systems. They wait in an outbox of their own, so that slow receivers keep nothing
// else waiting.
func (h *Services) openWebhooks() (err error) {
	if h.webhookItems, err = outbox.New(h.DB, sealer{h.Master, h}, seal.Place); err != nil {
		return err
	}
	h.Webhooks, err = webhook.New(webhook.Options{
		Store: h.DB, Events: h.DB, Waiting: h.DB, Outbox: h.webhookItems, Audit: h.Audit, Sealer: sealer{h.Master, h}, Place: seal.Place,
		Out: h.chosenWay(egress.Options{Total: webhookLimit, MaxBody: 1, InFlight: 32, PerHost: 32}),
	})
	return err
}

// sendsWebhooks builds what empties their outbox.
func (h *Services) sendsWebhooks() (*outbox.Delivery, error) {
	return outbox.NewDelivery(outbox.DeliveryOptions{
		Outbox: h.webhookItems, Store: h.DB, Log: h.Log, Senders: map[string]outbox.Sender{webhook.Kind: h.Webhooks.Send},
		Waits: webhook.Waits(), TryFor: webhook.TryFor, Limit: webhookLimit + time.Second,
		Count: func(_, outcome string) { h.Metrics.WebhookSent(outcome) },
	})
}

// DeliverWebhooks sends what is due to other systems, once.
func (s *Server) DeliverWebhooks(ctx context.Context) error { return s.webhooks.Once(ctx) }
