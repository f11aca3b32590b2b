package recovery

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"signet/audit"
	"signet/internal/mail"
	"signet/storage"
	"signet/users/factor"
	"signet/users/ticket"
)

// Categories callers branch on with errors.Is.
var (
	// ErrWrong: not the code that was mailed; another try is left.
	ErrWrong = ticket.ErrWrong
	// ErrGone: the code or link was used, has expired, was guessed too often, or something has revoked it since.
	ErrGone = ticket.ErrGone
	// ErrOff: recovery by email is off, or this person has no verified address to send to.
	ErrOff = errors.New("recovery by email is not available")
)

// The tickets of a recovery, in the order in which they are issued. The strings are stored.
const (
	purposeCode   ticket.Purpose = "wayback.code"   // owner: the interaction
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

// Store is the part of *storage.DB that Service uses.
type Store interface {
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
}

// People is the part of *users.Service that Service uses.
type People interface {
	ByID(ctx context.Context, id string) (storage.User, error)
	LockEpoch(userID string, epoch int64) func(ctx context.Context) error
	EndAll(ctx context.Context, userID, keepSession, why string) error
}

// Mail sends emails to people; *users.Service.
type Mail interface {
	MailOn() bool
	MayEmail(ctx context.Context, u storage.User) (bool, error)
	SendEmail(ctx context.Context, u storage.User, l mail.Email) error
}

// Factors removes what was lost; *factor.Service.
type Factors interface {
	Reset(ctx context.Context, permit factor.Permit) error
}

// Options of New.
type Options struct {
	Store   Store
	Ways    *factor.Ways
	Audit   *audit.Log
	Tickets *ticket.Tickets
	People  People
	Mail    Mail
	Factors Factors
	Wait    time.Duration // from the mailed code to the link; 0 = recovery by email is off
}

// Service recovers accounts.
type Service struct{ Options }

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Ways == nil || o.Audit == nil || o.Tickets == nil || o.People == nil || o.Mail == nil || o.Factors == nil {
		return nil, errors.New("recovery needs a store, ways to sign in, an audit log, tickets, people, mail and factors")
	}
	return &Service{o}, nil
}

// State is how far a person is.
type State struct {
	On      bool          // it is available to this person: emails can be sent, and to a verified address
	Wait    time.Duration // how long it takes
	ReadyAt time.Time     // when the link is mailed; zero = not started
	Ready   bool          // the link was mailed and works
}

// Of reads how far a person is.
func (s *Service) Of(ctx context.Context, u storage.User) (State, error) {
	st := State{Wait: s.Wait, On: s.Wait > 0 && s.Mail.MailOn() && u.EmailVerified && u.DisabledAt.IsZero()}
	for _, p := range []ticket.Purpose{purposeFinish, purposeWait} {
		list, err := s.Tickets.Of(ctx, p, u.ID)
		if err != nil {
			return st, fmt.Errorf("read recovery: %w", err)
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

// SendCode mails the person a code that works in the interaction of the pending sign-in. Whoever asks too often gets none, and
// the same answer. ErrOff.
func (s *Service) SendCode(ctx context.Context, interaction string, u storage.User) error {
	st, err := s.Of(ctx, u)
	if err != nil {
		return err
	}
	if !st.On || interaction == "" {
		return ErrOff
	}
	if ok, err := s.Mail.MayEmail(ctx, u); err != nil || !ok {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		code, err := s.Tickets.IssueCode(ctx, ticket.Order{
			Purpose: purposeCode, Owner: interaction, Data: waiting{Epoch: u.Epoch}, Lifetime: codeLife,
		})
		if err != nil {
			return err
		}
		return s.Mail.SendEmail(ctx, u, mail.Email{
			Kind: mail.Code, Code: code, ExpiresAt: time.Now().Add(codeLife),
			Args: map[string]string{"Minutes": strconv.Itoa(int(codeLife.Minutes()))},
		})
	})
}

// Start begins the wait with the code that was mailed. Started twice, the first start counts. ErrWrong, ErrGone, ErrOff, and
// what People.LockEpoch returns.
func (s *Service) Start(ctx context.Context, interaction string, u storage.User, code string) error {
	t, err := s.Tickets.Guess(ctx, purposeCode, interaction)
	if err != nil {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.People.LockEpoch(u.ID, u.Epoch)(ctx); err != nil {
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
		return s.begin(ctx, u)
	})
}

// begin notes the wait and tells the person of it, in the transaction of ctx.
func (s *Service) begin(ctx context.Context, u storage.User) error {
	w := waiting{u.Epoch, time.Now().Add(s.Wait), mail.LanguageOf(ctx)}
	life := s.Wait + finishLife
	if _, _, err := s.Tickets.Issue(ctx, ticket.Order{Purpose: purposeWait, Owner: u.ID, Data: w, Lifetime: life, Only: true}); err != nil {
		return err
	}
	_, stop, err := s.Tickets.Issue(ctx, ticket.Order{Purpose: purposeStop, Owner: u.ID, Lifetime: life + finishLife, Only: true})
	if err != nil {
		return err
	}
	err = s.Mail.SendEmail(ctx, u, mail.Email{
		Kind: mail.RecoveryStarted, Link: "/recover/stop?t=" + stop, Args: map[string]string{"Day": w.ReadyAt.UTC().Format(time.RFC3339)},
	})
	if err != nil {
		return err
	}
	return s.Audit.Record(ctx, audit.Event{Name: audit.FactorRecoveryStarted, UserID: u.ID})
}

// Resend mails the link once more after the wait; the link before it stops working. ErrGone if there is none.
func (s *Service) Resend(ctx context.Context, u storage.User) error {
	st, err := s.Of(ctx, u)
	if err != nil {
		return err
	}
	if !st.Ready {
		return ErrGone
	}
	if ok, err := s.Mail.MayEmail(ctx, u); err != nil || !ok {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.People.LockEpoch(u.ID, u.Epoch)(ctx); err != nil {
			return err
		}
		again, err := s.Of(ctx, u)
		if err != nil {
			return err
		}
		if !again.Ready {
			return ErrGone
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
	return s.Mail.SendEmail(ctx, u, mail.Email{
		Kind: mail.RecoveryReady, Link: "/recover/finish?t=" + secret, ExpiresAt: time.Now().Add(finishLife),
	})
}
