package factor

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"signet/audit"
	"signet/internal/mail"
	"signet/internal/typed"
	"signet/storage"
)

const (
	codeCount = 10
	codeSize  = 15 // bytes, 120 bits
)

// NewCodes gives the person ten recovery codes, shown this once; the old ones no longer work (MakeRecoveryCodes, rule G04).
func (s *Service) NewCodes(ctx context.Context, permit Permit) (codes []string, err error) {
	codes, rows := newCodes(permit.UserID())
	err = s.Stores.People.Tx(ctx, func(ctx context.Context) error {
		if err := s.Ways.ReplaceRecoveryCodes(ctx, permit, rows); err != nil {
			return err
		}
		if err := s.Audit.Record(ctx, audit.Event{Name: audit.RecoveryMade, UserID: permit.UserID()}); err != nil {
			return err
		}
		return s.Notices.Notify(ctx, permit.UserID(), mail.FactorAdded, map[string]string{"Factor": KindRecovery})
	})
	if err != nil {
		return nil, fmt.Errorf("make recovery codes: %w", err)
	}
	return codes, nil
}

// newCodes makes ten codes, and the rows that keep their hashes.
func newCodes(userID string) (codes []string, rows []storage.Credential) {
	now := time.Now()
	for range codeCount {
		raw := make([]byte, codeSize)
		rand.Read(raw)
		code := base32.StdEncoding.EncodeToString(raw)
		codes = append(codes, grouped(code))
		rows = append(rows, storage.Credential{ID: rand.Text(), UserID: userID, Kind: KindRecovery, Handle: handle(code), CreatedAt: now})
	}
	return codes, rows
}

// CheckRecovery judges a recovery code. ErrWrong, ErrThrottled.
func (s *Service) CheckRecovery(ctx context.Context, userID, code string) (*Match, error) {
	return s.guess(ctx, userID, KindRecovery, func() (*Match, error) {
		list, err := s.Stores.Credentials.Credentials(ctx, userID, KindRecovery)
		if err != nil {
			return nil, fmt.Errorf("read recovery codes: %w", err)
		}
		want := handle(normal(code))
		found := false
		for _, c := range list { // hashes of 120 random bits: finding one by comparing tells nothing
			found = found || c.Handle == want
		}
		if !found {
			return nil, ErrWrong
		}
		return &Match{Method: KindRecovery, commit: func(ctx context.Context) error {
			err := s.Stores.Codes.SpendHandle(ctx, userID, KindRecovery, want)
			if errors.Is(err, storage.ErrNotFound) {
				return ErrWrong
			}
			if err != nil {
				return fmt.Errorf("use recovery code: %w", err)
			}
			if err := s.Audit.Record(ctx, audit.Event{Name: audit.RecoveryUsed, UserID: userID}); err != nil {
				return err
			}
			left := strconv.Itoa(len(list) - 1)
			return s.Notices.Notify(ctx, userID, mail.RecoveryUsed, map[string]string{"Left": left})
		}}, nil
	})
}

func handle(code string) string {
	sum := sha256.Sum256([]byte(code))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// normal is a code as it was made, whatever people do to it: blanks, dashes, small letters, figures that look like letters.
func normal(code string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '0':
			return 'O'
		case '1':
			return 'I'
		case '8':
			return 'B'
		}
		if r >= 'A' && r <= 'Z' || r >= '2' && r <= '7' {
			return r
		}
		return -1
	}, strings.ToUpper(typed.Code(code)))
}

// grouped puts a blank after every four characters, for people to read and type.
func grouped(s string) string {
	var out strings.Builder
	for i, r := range s {
		if i > 0 && i%4 == 0 {
			out.WriteByte(' ')
		}
		out.WriteRune(r)
	}
	return out.String()
}
