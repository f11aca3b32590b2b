package users

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"signet/audit"
	"signet/storage"
)

// quiet facts are for operators: each comes along with another that tells a person the same, or nothing happened to them.
var quiet = []string{
	string(audit.SessionStarted), string(audit.SessionRenewed), string(audit.PasswordRehashed), string(audit.GrantCaughtUp),
	string(audit.AdminRefused), string(audit.UserRead),
}

const (
	activityRows  = 200 // read at once
	activityReads = 10  // for one page
)

// Activity lists what happened to a person, newest first, at most limit, before the event of the given id ("" = from the newest), of
// all kinds or of those whose names begin with one of the given words. next is where the page after it begins, "" where there is none;
// many events of other kinds make a page short.
func (s *Service) Activity(ctx context.Context, userID, before string, limit int,
	begins ...string) (list []storage.Event, next string, err error) {
	for range activityReads {
		rows, err := s.stores.Events.EventsOfUser(ctx, userID, before, activityRows)
		if err != nil {
			return nil, "", fmt.Errorf("read activity: %w", err)
		}
		for _, e := range rows {
			if slices.Contains(quiet, e.Name) || len(begins) > 0 && !beginsWith(e.Name, begins) {
				before = e.ID
				continue
			}
			if len(list) == limit {
				return list, before, nil
			}
			before, list = e.ID, append(list, e)
		}
		if len(rows) < activityRows {
			return list, "", nil
		}
	}
	return list, before, nil
}

func beginsWith(name string, begins []string) bool {
	return slices.ContainsFunc(begins, func(word string) bool { return strings.HasPrefix(name, word) })
}

// Factors is what a person signs in with beside a password.
type Factors struct {
	TOTP         bool
	RecoveryLeft int // recovery codes not used yet
	Passkeys     int
}

// Factors counts them.
func (s *Service) Factors(ctx context.Context, userID string) (Factors, error) {
	n, err := s.stores.Passwords.CountCredentials(ctx, userID)
	if err != nil {
		return Factors{}, fmt.Errorf("count factors: %w", err)
	}
	return Factors{TOTP: n["totp"] > 0, RecoveryLeft: n["recovery"], Passkeys: n["passkey"]}, nil
}
