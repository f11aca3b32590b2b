package users

import (
	"context"
	"fmt"
	"slices"

	"signet/audit"
	"signet/storage"
)

// quiet facts are for operators: each comes along with another that tells a person the same, or nothing happened to them.
var quiet = []string{
	string(audit.SessionStarted), string(audit.SessionRenewed), string(audit.PasswordRehashed), string(audit.GrantCaughtUp),
	string(audit.AdminRefused),
}

const (
	activityRows  = 200 // read at once
	activityReads = 10  // for one page
)

// Activity lists what happened to a person, newest first, at most limit, before the event of the given id ("" = from the
// newest); more tells that there is more.
func (s *Service) Activity(ctx context.Context, userID, before string, limit int) (list []storage.Event, more bool, err error) {
	for range activityReads {
		rows, err := s.stores.Events.EventsOfUser(ctx, userID, before, activityRows)
		if err != nil {
			return nil, false, fmt.Errorf("read activity: %w", err)
		}
		for _, e := range rows {
			before = e.ID
			if slices.Contains(quiet, e.Name) {
				continue
			}
			if len(list) == limit {
				return list, true, nil
			}
			list = append(list, e)
		}
		if len(rows) < activityRows {
			return list, false, nil
		}
	}
	return list, len(list) > 0, nil
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
