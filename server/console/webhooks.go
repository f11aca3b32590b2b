package console

import (
	"context"
	"net/url"
	"strings"

	"signet/admin"
	"signet/audit/webhook"
	"signet/server/pages"
)

// webhooks lists them, and makes one, whose secret is shown once.
func (h *Handler) webhooks(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.webhooks"}
	if v.what() == "create" {
		_, secret, err := h.Acts.CreateWebhook(ctx, v.actor, asked(v), "")
		if err != nil {
			return p, err
		}
		v.secret = secret
	}
	list, err := h.Acts.Webhooks(ctx, v.actor)
	if err != nil {
		return p, err
	}
	rows := pages.ConsoleList{Heading: "console.webhooks"}
	for _, w := range list {
		rows.Rows = append(rows.Rows, pages.ConsoleRow{Title: w.URL, Note: strings.Join(w.Events, ", "), Label: webhookState(w),
			URL: h.to(webhooksPath, w.ID)})
	}
	p.Lists = append(p.Lists, rows)
	h.act(v, admin.WebhooksWrite, &p.Acts, pages.ConsoleAct{Label: "console.create_webhook", More: "console.create_webhook_more",
		Value: "create", Fields: webhookFields(webhook.Webhook{Events: []string{"*"}})})
	return p, nil
}

// asked is what a form says of a webhook.
func asked(v *visit) webhook.Webhook {
	return webhook.Webhook{URL: strings.TrimSpace(v.post.Get("url")), Description: v.post.Get("description"),
		Events: strings.Fields(strings.ReplaceAll(v.post.Get("events"), ",", " "))}
}

func webhookFields(w webhook.Webhook) []pages.ConsoleField {
	return []pages.ConsoleField{
		{Name: "url", Label: "console.webhook_url", Value: w.URL},
		{Name: "events", Label: "console.events", Value: strings.Join(w.Events, ", ")},
		{Name: "description", Label: "console.description", Value: w.Description, Optional: true},
	}
}

// webhookName is what a webhook's page is headed with: what its administrators call it, or whose address it is.
func webhookName(w webhook.Webhook) string {
	if w.Description != "" {
		return w.Description
	}
	if u, err := url.Parse(w.URL); err == nil && u.Host != "" {
		return u.Host
	}
	return w.URL
}

// webhookState is the text of it.
func webhookState(w webhook.Webhook) string {
	switch {
	case w.Disabled:
		return "console.disabled"
	case !w.FailingSince.IsZero():
		return "console.webhook_failing"
	}
	return "console.enabled"
}

// webhook shows one with what waits for it.
func (h *Handler) webhook(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.webhooks", Name: v.of()}
	if err := h.changeWebhook(ctx, v); err != nil || v.next != "" {
		return p, err
	}
	w, err := h.Acts.Webhook(ctx, v.actor, v.of())
	if err != nil {
		return p, err
	}
	waiting, err := h.Acts.WebhookDeliveries(ctx, v.actor, w.ID)
	if err != nil {
		return p, err
	}
	p.Name = webhookName(w)
	p.Facts = []pages.ConsoleFact{{Label: "console.webhook_url", Value: w.URL}, {Label: "console.events", Value: strings.Join(w.Events, ", ")},
		{Label: "console.state", Text: webhookState(w)}, {Label: "console.created", At: w.CreatedAt}}
	if w.Why != "" {
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.found", Value: w.Why, English: true})
	}
	if !w.FailingSince.IsZero() {
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.webhook_failing", At: w.FailingSince})
	}
	list := pages.ConsoleList{Heading: "console.webhook_waits"}
	for _, d := range waiting {
		row := pages.ConsoleRow{Title: d.ID, Note: d.LastError, At: d.CreatedAt}
		if !d.FailedAt.IsZero() {
			row.Label = "console.webhook_given_up"
		}
		list.Rows = append(list.Rows, row)
	}
	p.Lists = append(p.Lists, list)
	h.webhookActs(v, &p, w)
	return p, nil
}

// changeWebhook carries out what is asked for, if anything.
func (h *Handler) changeWebhook(ctx context.Context, v *visit) (err error) {
	act, seen, _ := strings.Cut(v.what(), " ")
	switch act {
	case "change":
		want := asked(v)
		_, err = h.Acts.ChangeWebhook(ctx, v.actor, v.of(), seen, func(w *webhook.Webhook) {
			w.URL, w.Events, w.Description = want.URL, want.Events, want.Description
		})
	case "enable", "disable":
		err = h.Acts.SetWebhookDisabled(ctx, v.actor, v.of(), v.what() == "disable")
	case "test":
		err = h.Acts.TestWebhook(ctx, v.actor, v.of())
	case "retry":
		_, err = h.Acts.RetryWebhook(ctx, v.actor, v.of())
	case "secret":
		v.secret, err = h.Acts.RotateWebhookSecret(ctx, v.actor, v.of())
	case "delete":
		if err = h.Acts.DeleteWebhook(ctx, v.actor, v.of()); err == nil {
			v.next = h.Browser.Path(webhooksPath, nil)
		}
	}
	return err
}

func (h *Handler) webhookActs(v *visit, p *pages.Console, w webhook.Webhook) {
	offer := func(a pages.ConsoleAct) { h.act(v, admin.WebhooksWrite, &p.Acts, a) }
	offer(pages.ConsoleAct{Label: "account.change", Value: "change " + admin.Tag(w), Fields: webhookFields(w)})
	if w.Disabled {
		offer(pages.ConsoleAct{Label: "console.enable", Value: "enable"})
	} else {
		offer(pages.ConsoleAct{Label: "console.webhook_test", More: "console.webhook_test_more", Value: "test"})
		offer(pages.ConsoleAct{Label: "console.webhook_retry", More: "console.webhook_retry_more", Value: "retry"})
	}
	offer(pages.ConsoleAct{Label: "console.secret", More: "console.webhook_secret_more", Value: "secret"})
	if !w.Disabled {
		offer(pages.ConsoleAct{Label: "console.disable", More: "console.webhook_disable_more", Value: "disable", Danger: true})
	}
	offer(pages.ConsoleAct{Label: "console.delete", More: "console.webhook_delete_more", Value: "delete", Danger: true})
}
