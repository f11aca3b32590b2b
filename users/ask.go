package users

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"signet/audit"
	"signet/internal/mail"
	"signet/storage"
	"signet/users/identifier"
	"signet/users/ticket"
)

// Strangers ask for emails by typing an address. Whether there is an account must not show in the answer or the time it
// takes, so the asking costs the same for all: one email in the outbox that says what was typed. Whom it goes to, if to
// anybody, is found out when it is delivered (Resolve).

// What an email may ask for.
const (
	askReset   = "reset"
	askSignup  = "signup"
	askAddress = "address"
	askCode    = "code"
	askConfirm = "confirm"
	// askRecovery is not resolved: the person is known.
	askRecovery = "recovery"
	// noticeUnverified is asked for by nobody; it counts what goes to an address that nobody has verified.
	noticeUnverified = "notice"
)

// unasked is the class of emails that whoever has the address did not ask for and does not need: sign-ups, and other people's changes of
// address. All else that strangers may ask for has a budget of its own.
const unasked = "unasked"

// ErrNoMail: no emails can be sent here.
var ErrNoMail = errors.New("no mail sender")

// ErrGone: the link was used, is too old, or something has made it void since.
var ErrGone = ticket.ErrGone

// The purposes of mailed links.
const (
	purposeReset   ticket.Purpose = "reset"
	purposeSignup  ticket.Purpose = "signup"
	purposeAddress ticket.Purpose = "address"
	purposeUndo    ticket.Purpose = "address.undo"
	purposeNotMe   ticket.Purpose = "not me"
	purposeCode    ticket.Purpose = "signin code"
	purposeConfirm ticket.Purpose = "confirm code"
)

// How long links are good (D05, D11).
const (
	resetLife   = 30 * time.Minute
	frozenLife  = 24 * time.Hour
	signupLife  = 24 * time.Hour
	addressLife = 24 * time.Hour
	undoLife    = 7 * 24 * time.Hour
	notMeLife   = 30 * 24 * time.Hour
	codeLife    = 10 * time.Minute
)

// ask writes an email that Resolve completes, unless the address or the network asks too often: then nothing comes, and the
// answer is the same (D07).
func (s *Service) ask(ctx context.Context, r mail.Request, typed string, life time.Duration, data any) error {
	if s.post == nil {
		return ErrNoMail
	}
	origin := audit.OriginOf(ctx)
	allowed, err := s.mayAsk(ctx, r)
	if err != nil || !allowed {
		return err
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("ask for an email: %w", err)
	}
	return s.post.Put(ctx, mail.Email{
		Kind: r.Kind, Ask: r.Kind, To: typed, Data: raw, Language: mail.LanguageOf(ctx), ExpiresAt: time.Now().Add(life),
		Args: map[string]string{"Agent": audit.Cut(origin.Agent), "Network": origin.Network},
	})
}

// asked is a stranger's request for an email to whoever is meant by what was typed. known tells under which id the browser is known to an
// account (nil = to none): what is asked for there has a budget of its own. Whether there is an account shows in nothing, not even the
// number of statements.
func (s *Service) asked(ctx context.Context, kind, typed string, known func(userID string) string) (mail.Request, error) {
	l := loginOf(typed)
	r := mail.Request{Kind: kind, Address: l.mark}
	if known == nil {
		return r, nil
	}
	u, err := s.stores.People.UserByKey(ctx, l.email, l.username)
	if errors.Is(err, storage.ErrNotFound) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("find person: %w", err)
	}
	r.Browser = known(u.ID)
	return r, nil
}

// Resolve completes an email that was asked for: whom it goes to and with which link. ok is false where it goes to nobody.
// It is called for each try to deliver; a link of an earlier try dies.
func (s *Service) Resolve(ctx context.Context, l mail.Email) (out mail.Email, ok bool, err error) {
	switch l.Ask {
	case askReset:
		return s.resolveReset(ctx, l)
	case askSignup:
		return s.resolveSignup(ctx, l)
	case askAddress:
		return s.resolveAddress(ctx, l)
	case askCode:
		return s.resolveCode(ctx, l)
	case askConfirm:
		return s.resolveConfirmation(ctx, l)
	}
	return l, false, fmt.Errorf("email asks for %q", l.Ask)
}

// addressee is who was meant by what was typed; false if nobody who may get emails.
func (s *Service) addressee(ctx context.Context, typed string) (storage.User, bool, error) {
	l := loginOf(typed)
	u, err := s.stores.People.UserByKey(ctx, l.email, l.username)
	if errors.Is(err, storage.ErrNotFound) {
		return u, false, nil
	}
	return u, err == nil && u.DisabledAt.IsZero(), err
}

// to completes an email with its person; who asked, from where and in which language stays.
func (l emailTo) to(u storage.User) mail.Email {
	about := profileOf(u)
	out := l.Email
	out.To, out.Name, out.UserID, out.Data, out.Ask = u.Email, greeting(u), u.ID, nil, ""
	out.Zone = about.Zone
	if about.Locale != "" {
		out.Language = about.Locale
	}
	return out
}

type emailTo struct{ mail.Email }

// clean is a typed line as emails keep it.
func clean(typed string) string {
	typed = strings.TrimSpace(typed)
	return audit.Cut(typed[:min(len(typed), identifier.MaxEmail)])
}
