package factor

import (
	"bytes"
	"context"
	"crypto/fips140"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"image/png"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"signet/audit"
	"signet/internal/mail"
	"signet/internal/typed"
	"signet/storage"
	"signet/users/ticket"
)

// What every authenticator app understands (RFC 6238 section 4, and what apps make of it).
const (
	period     = 30 // seconds
	secretSize = 20 // bytes, 160 bits
	window     = 1  // steps before and after
	qrSize     = 232
)

var generate = totp.ValidateOpts{Period: period, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}

// purposeEnrol is a secret that was shown and not confirmed yet.
const purposeEnrol ticket.Purpose = "authenticator.enrol"

// enrolTime is how long a person has to type the first code.
const enrolTime = 30 * time.Minute

// pending is the data of an enrolment's ticket.
type pending struct {
	UserID string `json:"user_id"`
	Row    string `json:"row"`    // id of the credential to be
	Sealed string `json:"sealed"` // the secret
}

// Enrolment is a secret that waits for its first code.
type Enrolment struct {
	Secret string // base32, in groups of four
	URL    string // otpauth://
	ticket string
	data   pending
}

// Begin gives the person a secret for an authenticator app. owner is the session or the interaction that it is bound to; asked
// again, it is the same secret until it is confirmed or too old (G03). ErrThere.
func (s *Service) Begin(ctx context.Context, owner string, u storage.User) (*Enrolment, error) {
	have, err := s.Of(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	if have.TOTP {
		return nil, ErrThere
	}
	if e, err := s.enrolment(ctx, owner, u); !errors.Is(err, ErrGone) {
		return e, err
	}
	raw := make([]byte, secretSize)
	rand.Read(raw)
	secret := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)
	p := pending{UserID: u.ID, Row: rand.Text()}
	if p.Sealed, err = s.seal(secret, p.Row); err != nil {
		return nil, err
	}
	id, _, err := s.Tickets.Issue(ctx, ticket.Order{Purpose: purposeEnrol, Owner: owner, Data: p, Lifetime: enrolTime, Only: true})
	if err != nil {
		return nil, err
	}
	return enrolmentOf(secret, s.Issuer, u, id, p), nil
}

func enrolmentOf(secret, issuer string, u storage.User, id string, p pending) *Enrolment {
	return &Enrolment{Secret: grouped(secret), URL: keyURI(issuer, account(u), secret), ticket: id, data: p}
}

// keyURI is the address that authenticator apps read. In it a colon ends the issuer, so neither name has one before that; all else is
// percent-encoded, a blank too, which apps would show as a plus sign.
func keyURI(issuer, account, secret string) string {
	encode := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	plain := func(s string) string {
		return encode(strings.Join(strings.Fields(strings.ReplaceAll(s, ":", " ")), " "))
	}
	return "otpauth://totp/" + plain(issuer) + ":" + plain(account) + "?secret=" + secret + "&issuer=" + encode(issuer) +
		"&algorithm=SHA1&digits=6&period=" + strconv.Itoa(period)
}

// account is how an authenticator app tells several of a person's accounts apart.
func account(u storage.User) string {
	if u.Email != "" {
		return u.Email
	}
	return u.ID
}

// enrolment finds the one in progress. ErrGone.
func (s *Service) enrolment(ctx context.Context, owner string, u storage.User) (*Enrolment, error) {
	list, err := s.Tickets.Of(ctx, purposeEnrol, owner)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, ErrGone
	}
	var p pending
	t := list[len(list)-1]
	if err := ticket.Read(t, &p); err != nil || p.UserID != u.ID {
		return nil, errors.Join(ErrGone, err)
	}
	secret, err := s.open(p.Sealed, p.Row)
	if err != nil {
		return nil, err
	}
	return enrolmentOf(secret, s.Issuer, u, t.ID, p), nil
}

// QR is the picture of the secret for the app's camera, as PNG. ErrGone.
func (s *Service) QR(ctx context.Context, owner string, u storage.User) ([]byte, error) {
	e, err := s.enrolment(ctx, owner, u)
	if err != nil {
		return nil, err
	}
	key, err := otp.NewKeyFromURL(e.URL)
	if err != nil {
		return nil, fmt.Errorf("draw secret: %w", err)
	}
	picture, err := key.Image(qrSize, qrSize)
	if err != nil {
		return nil, fmt.Errorf("draw secret: %w", err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		return nil, fmt.Errorf("draw secret: %w", err)
	}
	return out.Bytes(), nil
}

// Confirm ends the enrolment with a right code: from now on the app is asked for (AddAuthenticator). It returns recovery codes, shown
// this once, unless the person has some. The code is used up by it. ErrWrong, ErrThrottled, ErrGone, ErrThere; else as
// Ways.AddAuthenticator.
func (s *Service) Confirm(ctx context.Context, permit Permit, owner string, u storage.User, code string) (codes []string, err error) {
	if err := permit.Is(u.ID, AddAuthenticator); err != nil {
		return nil, err
	}
	e, err := s.enrolment(ctx, owner, u)
	if err != nil {
		return nil, err
	}
	var step int64
	if _, err := s.guess(ctx, u.ID, "enrol", func() (*Match, error) {
		step, err = match(strings.ReplaceAll(e.Secret, " ", ""), code, 0, time.Now())
		return nil, err
	}); err != nil {
		return nil, err
	}
	err = s.Stores.People.Tx(ctx, func(ctx context.Context) error {
		codes, err = s.add(ctx, permit, e, step)
		return err
	})
	switch {
	case errors.Is(err, storage.ErrConflict):
		return nil, ErrThere
	case errors.Is(err, ticket.ErrGone):
		return nil, ErrGone
	case err != nil:
		return nil, fmt.Errorf("add authenticator: %w", err)
	}
	return codes, nil
}

// add writes the authenticator of an enrolment whose first code was of the step, in the transaction of ctx.
func (s *Service) add(ctx context.Context, permit Permit, e *Enrolment, step int64) (codes []string, err error) {
	now, userID := time.Now(), permit.UserID()
	codes, rows := newCodes(userID)
	used, err := s.Ways.AddAuthenticator(ctx, permit, storage.Credential{
		ID: e.data.Row, UserID: userID, Kind: KindTOTP, Data: e.data.Sealed, Counter: step, CreatedAt: now, LastUsedAt: now,
	}, rows)
	if err != nil {
		return nil, err
	}
	if err := s.Tickets.Cancel(ctx, purposeEnrol, e.ticket); err != nil { // the person before the ticket, as all lock them
		return nil, err
	}
	events := []audit.Event{{Name: audit.FactorAdded, UserID: userID, Detail: about(KindTOTP)}}
	if used {
		events = append(events, audit.Event{Name: audit.RecoveryMade, UserID: userID})
	} else {
		codes = nil
	}
	for _, event := range events {
		if err := s.Audit.Record(ctx, event); err != nil {
			return nil, err
		}
	}
	return codes, s.Notices.Notify(ctx, userID, mail.FactorAdded, map[string]string{"Factor": KindTOTP})
}

// CheckTOTP judges a code of the person's authenticator app. ErrWrong, ErrThrottled, ErrUnreadable.
func (s *Service) CheckTOTP(ctx context.Context, userID, code string) (*Match, error) {
	return s.guess(ctx, userID, KindTOTP, func() (*Match, error) {
		list, err := s.Stores.Credentials.Credentials(ctx, userID, KindTOTP)
		if err != nil {
			return nil, fmt.Errorf("read authenticator: %w", err)
		}
		if len(list) == 0 {
			return nil, ErrWrong
		}
		secret, err := s.open(list[0].Data, list[0].ID)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
		}
		step, err := match(secret, code, list[0].Counter, time.Now())
		if err != nil {
			return nil, err
		}
		return &Match{Method: KindTOTP, commit: func(ctx context.Context) error {
			err := s.Stores.Codes.SpendCounter(ctx, list[0].ID, step, time.Now())
			if errors.Is(err, storage.ErrStale) {
				return ErrWrong
			}
			if err != nil {
				return fmt.Errorf("use code: %w", err)
			}
			return s.Audit.Record(ctx, audit.Event{Name: audit.FactorSucceeded, UserID: userID, Detail: about(KindTOTP)})
		}}, nil
	})
}

// match finds the step that a code is of: one after used, and near enough to now. ErrWrong.
func match(secret, code string, used int64, now time.Time) (int64, error) {
	code = typed.Code(code)
	found := int64(0)
	for d := int64(-window); d <= window; d++ {
		step := now.Unix()/period + d
		var want string
		var err error
		fips140.WithoutEnforcement(func() { // HMAC-SHA-1, which every app has, is not of the module (docs/operations.md)
			want, err = totp.GenerateCodeCustom(secret, time.Unix(step*period, 0), generate)
		})
		if err != nil {
			return 0, fmt.Errorf("compute code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && step > used && found == 0 {
			found = step
		}
	}
	if found == 0 {
		return 0, ErrWrong
	}
	return found, nil
}
