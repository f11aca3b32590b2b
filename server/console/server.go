package console

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"signet/admin"
	"signet/admin/setting"
	"signet/internal/mail"
	"signet/server/pages"
)

// health shows what the server's checks find, and how to fix it.
func (h *Handler) health(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.health"}
	found, err := h.Acts.Health(ctx, v.actor)
	if err != nil {
		return p, err
	}
	list := pages.ConsoleList{Heading: "console.health"}
	for _, f := range found {
		row := pages.ConsoleRow{Text: "console.check." + f.Check, Note: f.Text, English: true, Label: "console." + f.State}
		if f.Remedy != "" {
			row.More = "console.fix." + f.Check
		}
		list.Rows = append(list.Rows, row)
	}
	p.Lists = append(p.Lists, list)
	return p, nil
}

// settings shows the configuration in use, secrets masked.
func (h *Handler) settings(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.settings"}
	all, err := h.Acts.Settings(ctx, v.actor, v.ask())
	if err != nil {
		return p, err
	}
	if v.ask().After == "" {
		change := pages.ConsoleList{Heading: "console.set_here"}
		for _, id := range []string{setting.Branding, setting.Mail} {
			change.Rows = append(change.Rows, pages.ConsoleRow{Text: sectionTexts[id][0], URL: h.to(settingsPath, id)})
		}
		p.Lists = append(p.Lists, change)
	}
	list := pages.ConsoleList{Heading: "console.settings", NextURL: h.next(v, all.Next)}
	for _, s := range all.Items {
		origin, _, _ := strings.Cut(s.Origin, " ")
		row := pages.ConsoleRow{Title: s.Key, Note: s.Value, Label: "console.origin." + origin}
		if origin != s.Origin {
			row.Note += " · " + s.Origin
		}
		list.Rows = append(list.Rows, row)
	}
	p.Lists = append(p.Lists, list)
	return p, nil
}

// mails lists the emails that wait or were given up.
func (h *Handler) mails(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.mail"}
	all, err := h.Acts.MailQueue(ctx, v.actor, v.ask())
	if err != nil {
		return p, err
	}
	p.Lists = append(p.Lists, pages.ConsoleList{Heading: "console.mail", Rows: h.mailRows(all.Items), NextURL: h.next(v, all.Next)})
	return p, nil
}

func (h *Handler) mailRows(list []mail.Waiting) (rows []pages.ConsoleRow) {
	for _, m := range list {
		row := pages.ConsoleRow{Title: m.Kind, Note: m.LastError, At: m.DueAt, Label: mailState(m), URL: h.to(mailPath, m.ID)}
		if !m.FailedAt.IsZero() {
			row.At = m.FailedAt
		}
		rows = append(rows, row)
	}
	return rows
}

func mailState(m mail.Waiting) string {
	if m.FailedAt.IsZero() {
		return "console.mail_waiting"
	}
	return "console.webhook_given_up"
}

// mailed shows one email of the queue: neither its address nor its words.
func (h *Handler) mailed(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.mail", Name: v.of()}
	switch v.what() {
	case "retry":
		v.next = h.Browser.Path(mailPath, nil) // once it is sent it has no page any more
		return p, h.Acts.RetryMail(ctx, v.actor, v.of())
	case "drop":
		v.next = h.Browser.Path(mailPath, nil)
		return p, h.Acts.DropMail(ctx, v.actor, v.of())
	}
	m, err := h.Acts.Mail(ctx, v.actor, v.of())
	if err != nil {
		return p, err
	}
	p.Name = m.Kind
	p.Facts = []pages.ConsoleFact{{Label: "console.id", Value: m.ID}, {Label: "console.state", Text: mailState(m)},
		{Label: "console.tries", Value: strconv.FormatInt(m.Tries, 10)}}
	if m.FailedAt.IsZero() {
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.mail_due", At: m.DueAt})
	} else {
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.webhook_given_up", At: m.FailedAt})
	}
	p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.mail_expires", At: m.ExpiresAt},
		pages.ConsoleFact{Label: "console.mail_said", Value: cmp.Or(m.LastError, "–"), English: true})
	h.act(v, admin.MailRetry, &p.Acts, pages.ConsoleAct{Label: "console.webhook_retry", Value: "retry"})
	h.act(v, admin.MailRetry, &p.Acts,
		pages.ConsoleAct{Label: "console.mail_drop", More: "console.mail_drop_more", Value: "drop", Danger: true})
	return p, nil
}
