package factor

import (
	"context"
	"fmt"
	"slices"

	"signet/users/membership"
)

// Policy says who must have a second factor.
type Policy string

// The policies.
const (
	Optional       Policy = "optional"
	Administrators Policy = "administrators" // holders of the role admin
	Everyone       Policy = "everyone"
)

// Step is what a sign-in still needs after its first factor.
type Step int

// The steps.
const (
	None  Step = iota // the first factor suffices
	Ask               // the second is asked for
	Enrol             // the person has to set one up first
)

// Situation is what the rule looks at.
type Situation struct {
	Has      bool // the person has a second factor
	Always   bool // they set one up to be asked for at each sign-in: an authenticator app; a passkey alone spares the password
	Proven   bool // the proof just made is as good as two (a passkey that verified its user)
	Required bool // the policy, or the application's registration, demands two
	Trusted  bool // the person said in this browser, with both factors, that it need not ask
	Demanded bool // this very request wants two: of the application, or for a sensitive act
}

// Decide is the rule. Trust spares a person who signs in as usual the second factor; it never counts where two factors are
// asked for, because tokens and acts would then claim what did not happen.
func Decide(q Situation) Step {
	switch {
	case q.Proven:
		return None
	case q.Has && q.Trusted && !q.Demanded:
		return None
	case q.Has && (q.Always || q.Required || q.Demanded):
		return Ask
	case q.Required:
		return Enrol
	}
	return None
}

// requires is the policy as Accounts asks it.
func (p Policy) requires(people peopleStore) func(ctx context.Context, userID string) (bool, error) {
	return func(ctx context.Context, userID string) (bool, error) {
		switch p {
		case Everyone:
			return true, nil
		case Administrators:
			roles, err := people.RolesOfUser(ctx, userID)
			if err != nil {
				return false, fmt.Errorf("read roles: %w", err)
			}
			return slices.Contains(roles, membership.Admin), nil
		}
		return false, nil
	}
}

// Required reports whether the policy demands a second factor of the person.
func (s *Service) Required(ctx context.Context, userID string) (bool, error) {
	return s.Ways.Required(ctx, userID)
}
