// Package wayback lets people in again who have lost their second factor and their recovery codes.
//
// Whoever has made the first step of a sign-in types a code that is mailed to the proven address, and then waits some days.
// A letter at the beginning says so and stops it by one press; so does any sign-in with two factors, and whatever ends
// everything of the person (a new password, "this was not me"). When the time is over a link is mailed that removes the
// factors; it signs nobody in. It knows no HTTP. Begin with Service.Start and Service.Finish.
package wayback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"signet/audit"
	"signet/internal/mail"
	"signet/storage"
	"signet/users/ticket"
)

// Categories callers branch on with errors.Is.
var (
	// ErrWrong: not the code that was mailed; another try is left.
	ErrWrong = ticket.ErrWrong
	// ErrGone: the code or link was used, is too old, was guessed at too often, or something has made it void since.
	ErrGone = ticket.ErrGone
	// ErrOff: there is no such way here, or not for this person.
	ErrOff = errors.New("no way back by mail")
)

// The tickets of a way back, in the order in which they live.
const (
	purposeCode   ticket.Purpose = "wayback.code"   // owner: the errand
	purposeWait   ticket.Purpose = "wayback.wait"   // owner: the person, as of all that follow; nobody knows its secret
	purposeStop   ticket.Purpose = "wayback.stop"   // the link that ends it
	purposeFinish ticket.Purpose = "wayback.finish" // the link that removes the factors
)

const (
	codeLife   = 10 * time.Minute
	finishLife = 7 * 24 * time.Hour
	pageSize   = 100
)

// waiting is the data of purposeWait, and of purposeFinish: what the account was when it was asked for.
type waiting struct {
	Epoch    int64     `json:"epoch"`
	ReadyAt  time.Time `json:"ready_at"`
	Language string    `json:"language,omitempty"` // in which it was asked for
}

// Store is what the way back needs of the ground.
type Store interface {
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
}

// People is what it needs of the people's wing; *users.Service.
type People interface {
	MailOn() bool
	Show(ctx context.Context, who string) (storage.User, error)
	Hold(userID string, epoch int64) func(ctx context.Context) error
	Tell(ctx context.Context, u storage.User, l mail.Letter) error
	MayAsk(ctx context.Context, u storage.User) (bool, error)
	EndAll(ctx context.Context, userID, why string) error
}

// Factors removes what was lost; *factor.Service.
type Factors interface {
	Reset(ctx context.Context, userID string) error
}

// Options of New.
type Options struct {
	Store   Store
	Audit   *audit.Log
	Tickets *ticket.Book
	People  People
	Factors Factors
	Wait    time.Duration // from the mailed code to the link; 0 = there is no way back by mail
}

// Service is the way back.
type Service struct{ Options }

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Audit == nil || o.Tickets == nil || o.People == nil || o.Factors == nil {
		return nil, errors.New("the way back needs a store, an audit log, tickets, people and factors")
	}
	return &Service{o}, nil
}

// State is how far a person is.
type State struct {
	On      bool          // the way exists for this person: letters can be sent, and to a proven address
	Wait    time.Duration // how long it takes
	ReadyAt time.Time     // when the link is mailed; zero = nothing was begun
	Ready   bool          // the link was mailed and is good
}

// Of tells how far a person is.
func (s *Service) Of(ctx context.Context, u storage.User) (State, error) {
	st := State{Wait: s.Wait, On: s.Wait > 0 && s.People.MailOn() && u.EmailVerified && u.DisabledAt.IsZero()}
	for _, p := range []ticket.Purpose{purposeFinish, purposeWait} {
		list, err := s.Tickets.Of(ctx, p, u.ID)
		if err != nil {
			return st, fmt.Errorf("read way back: %w", err)
		}
		for _, t := range list {
			var w waiting
			if err := ticket.Read(t, &w); err != nil {
				return st, err
			}
			if w.Epoch == u.Epoch {
				st.ReadyAt, st.Ready = w.ReadyAt, p == purposeFinish
				return st, nil
			}
		}
	}
	return st, nil
}

// SendCode mails the person a code that is good in the errand of the half-done sign-in. Who asks too often gets none, and is
// told the same. ErrOff.
func (s *Service) SendCode(ctx context.Context, errand string, u storage.User) error {
	st, err := s.Of(ctx, u)
	if err != nil {
		return err
	}
	if !st.On || errand == "" {
		return ErrOff
	}
	if ok, err := s.People.MayAsk(ctx, u); err != nil || !ok {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		code, err := s.Tickets.IssueCode(ctx, ticket.Order{Purpose: purposeCode, Owner: errand, Data: waiting{Epoch: u.Epoch}, Lifetime: codeLife})
		if err != nil {
			return err
		}
		return s.People.Tell(ctx, u, mail.Letter{
			Kind: mail.Code, Code: code, ExpiresAt: time.Now().Add(codeLife),
			Args: map[string]string{"Minutes": strconv.Itoa(int(codeLife.Minutes()))},
		})
	})
}

// Start begins the wait with the code that was mailed. Begun twice, the first beginning counts. ErrWrong, ErrGone, ErrOff, and
// what People.Hold says.
func (s *Service) Start(ctx context.Context, errand string, u storage.User, code string) error {
	t, err := s.Tickets.Guess(ctx, purposeCode, errand)
	if err != nil {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.People.Hold(u.ID, u.Epoch)(ctx); err != nil {
			return err
		}
		if err := s.Tickets.SpendCode(ctx, t, code, nil); err != nil {
			return err
		}
		st, err := s.Of(ctx, u)
		if err != nil || !st.ReadyAt.IsZero() {
			return err
		}
		if !st.On {
			return ErrOff
		}
		w := waiting{u.Epoch, time.Now().Add(s.Wait), mail.LanguageOf(ctx)}
		life := s.Wait + finishLife
		if _, _, err := s.Tickets.Issue(ctx, ticket.Order{Purpose: purposeWait, Owner: u.ID, Data: w, Lifetime: life, Only: true}); err != nil {
			return err
		}
		_, stop, err := s.Tickets.Issue(ctx, ticket.Order{Purpose: purposeStop, Owner: u.ID, Lifetime: life + finishLife, Only: true})
		if err != nil {
			return err
		}
		err = s.People.Tell(ctx, u, mail.Letter{
			Kind: mail.RecoveryStarted, Link: "/recover/stop?t=" + stop, Args: map[string]string{"Day": w.ReadyAt.UTC().Format(time.RFC3339)},
		})
		if err != nil {
			return err
		}
		return s.Audit.Record(ctx, audit.Event{Name: audit.WayBackStarted, UserID: u.ID})
	})
}

// Resend mails the link once more to somebody whose time is over; the former link dies. ErrGone if there is none.
func (s *Service) Resend(ctx context.Context, u storage.User) error {
	st, err := s.Of(ctx, u)
	if err != nil {
		return err
	}
	if !st.Ready {
		return ErrGone
	}
	if ok, err := s.People.MayAsk(ctx, u); err != nil || !ok {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.People.Hold(u.ID, u.Epoch)(ctx); err != nil {
			return err
		}
		if again, err := s.Of(ctx, u); err != nil || !again.Ready {
			return cmp.Or(err, ErrGone)
		}
		return s.mailLink(ctx, u, waiting{u.Epoch, st.ReadyAt, mail.LanguageOf(ctx)})
	})
}

func (s *Service) mailLink(ctx context.Context, u storage.User, w waiting) error {
	ctx = mail.WithLanguage(ctx, w.Language)
	_, secret, err := s.Tickets.Issue(ctx, ticket.Order{
		Purpose: purposeFinish, Owner: u.ID, Data: w, Lifetime: finishLife, Only: true,
	})
	if err != nil {
		return err
	}
	return s.People.Tell(ctx, u, mail.Letter{Kind: mail.RecoveryReady, Link: "/recover/finish?t=" + secret, ExpiresAt: time.Now().Add(finishLife)})
}
