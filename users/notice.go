package users

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"signet/audit"
	"signet/internal/mail"
	"signet/storage"
)

// Post takes emails; *mail.Outbox.
type Post interface {
	Put(ctx context.Context, l mail.Email) error
	Allowed(ctx context.Context, r mail.Request) (bool, error)
}

// MailOn reports whether emails can be sent.
func (s *Service) MailOn() bool { return s.post != nil }

// Notify writes a person an email about something that happened to their account, in the transaction of ctx if there is one. Nothing is
// written where no mail can be sent.
func (s *Service) Notify(ctx context.Context, userID, kind string, args map[string]string) error {
	if s.post == nil {
		return nil
	}
	u, err := s.user(ctx, userID)
	if err != nil {
		return err
	}
	return s.tell(ctx, u, mail.Email{Kind: kind, Args: args})
}

// SendEmail is Notify of an email that the caller has written: l.Link, if set, is the path of one of our own pages. To nobody, whom no id
// names, goes one that its delivery throws away: it costs what one to somebody does, where the clock must not tell them apart (rule D01).
func (s *Service) SendEmail(ctx context.Context, u storage.User, l mail.Email) error {
	if u.ID == "" && s.post != nil {
		return s.post.Put(ctx, mail.Email{Kind: askReset, Ask: askReset, To: orNobody(""), Args: l.Args, ExpiresAt: l.ExpiresAt})
	}
	if l.Link != "" {
		l.Link = s.link(l.Link)
	}
	return s.tell(ctx, u, l)
}

// MayEmail counts an email that the person, who is known by then, asks for to their own address, and reports whether it may be sent: not
// where too many were asked for, and not where no mail can be sent.
func (s *Service) MayEmail(ctx context.Context, u storage.User) (bool, error) {
	if s.post == nil {
		return false, nil
	}
	return s.mayAsk(ctx, mail.Request{Kind: askRecovery, Owner: u.ID})
}

// mayAsk counts an email that is asked for. That budgets are used up is written down, once a minute for each.
func (s *Service) mayAsk(ctx context.Context, r mail.Request) (bool, error) {
	r.Network = audit.OriginOf(ctx).Network
	ok, err := s.post.Allowed(ctx, r)
	if err != nil || ok || !s.queues.news("mail "+r.Kind+" "+r.Address+" "+r.Owner) {
		return ok, err
	}
	return false, s.audit.Record(ctx, audit.Event{Name: audit.EmailThrottled, UserID: r.Owner, Detail: map[string]string{"kind": r.Kind}})
}

// opening are the emails of SendEmail that let in whoever reads them: they go to verified addresses only.
var opening = []string{mail.Code, mail.RecoveryReady}

// tell is Notify of an email to the person's own address. One that nobody has verified (of imported people, say) gets notices too, because
// it may well be theirs (rule V03), but not what lets its reader in, and not without end, because it may be a stranger's.
func (s *Service) tell(ctx context.Context, u storage.User, l mail.Email) error {
	if s.post == nil || !u.EmailVerified && slices.Contains(opening, l.Kind) {
		return nil
	}
	if !u.EmailVerified && repeatable(l.Kind) {
		if ok, err := s.mayAsk(ctx, mail.Request{Kind: noticeUnverified, Owner: u.ID}); err != nil || !ok {
			return err
		}
	}
	l.To = u.Email
	return s.write(ctx, u, l)
}

// repeatable reports whether whoever is inside can cause as many emails of the kind as they like. What the last one that is sent lets its
// reader stop includes what happened after it.
func repeatable(kind string) bool { return kind == mail.TokenReuse || slices.Contains(stoppable, kind) }

// write completes an email to a person: their name and language, who did it from where, and the way to stop it.
func (s *Service) write(ctx context.Context, u storage.User, l mail.Email) error {
	about := profileOf(u)
	l.UserID, l.Name, l.Language, l.Zone = u.ID, greeting(u), about.Locale, about.Zone
	if l.Language == "" {
		l.Language = mail.LanguageOf(ctx)
	}
	l.Args = maps.Clone(l.Args)
	if l.Args == nil {
		l.Args = map[string]string{}
	}
	if origin := audit.OriginOf(ctx); origin.Network != "" {
		l.Args["Agent"], l.Args["Network"] = audit.Cut(origin.Agent), origin.Network
	}
	if err := s.notMe(ctx, u, l.Kind, l.Args); err != nil {
		return err
	}
	if err := s.post.Put(ctx, l); err != nil {
		return fmt.Errorf("tell the person: %w", err)
	}
	return nil
}

// greeting is the name that an email to the person's address begins with: none while nobody has proven that the address is theirs, because
// the name may be the words of whoever typed it (rule V08).
func greeting(u storage.User) string {
	if !u.EmailVerified {
		return ""
	}
	return profileOf(u).Name
}

// link is one of our pages as an email names it: always the issuer's address (A02).
func (s *Service) link(path string) string { return s.issuer + path }

// about is what emails want to know of a profile.
type about struct {
	Name   string `json:"name"`
	Locale string `json:"locale"`
	Zone   string `json:"zoneinfo"`
}

func profileOf(u storage.User) about {
	var p about
	_ = json.Unmarshal(u.Profile, &p) // what cannot be read is not there
	return p
}
