package factor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"signet/storage"
)

// Ways writes the ways in which people sign in: credentials, linked logins, and the address with whether it is verified. Nothing else
// writes them but the deletion of a whole account. Each method takes a permit, runs in the transaction of ctx, and locks the person
// and checks the permit there before it writes. Errors as of Accounts.Check beside those it names. Using a way is not writing it.
type Ways struct {
	Accounts
	stores Stores
}

// WaysOptions of NewWays.
type WaysOptions struct {
	Stores Stores
	Policy Policy // who must have a second factor; "" = nobody
	// Usable reports whether people can sign in at an upstream still: it is configured. Nil = at none.
	Usable func(upstream string) bool
}

// NewWays checks the options.
func NewWays(o WaysOptions) (*Ways, error) {
	s := o.Stores
	if s.Accounts == nil || s.People == nil || s.Credentials == nil || s.Identities == nil {
		return nil, errors.New("ways to sign in need stores")
	}
	w := &Ways{stores: s}
	w.Accounts = Accounts{Store: s.Accounts, Usable: o.Usable, Required: o.Policy.requires(s.People)}
	return w, nil
}

// adds is what it takes to add a credential of a kind.
var adds = map[string]Act{KindPassword: SetPassword, KindPasskey: AddPasskey, KindTOTP: AddAuthenticator}

// AddCredential adds a password where there is none (SetPassword), a passkey (AddPasskey) or an authenticator (AddAuthenticator).
// storage.ErrConflict: there is one, or the passkey is somebody's.
func (w *Ways) AddCredential(ctx context.Context, p Permit, c storage.Credential) error {
	if err := w.Check(ctx, p, c.UserID, adds[c.Kind]); err != nil {
		return err
	}
	return w.insert(ctx, c)
}

func (w *Ways) insert(ctx context.Context, c storage.Credential) error {
	if err := w.stores.Credentials.InsertCredential(ctx, c); err != nil {
		return fmt.Errorf("add %s: %w", c.Kind, err)
	}
	return nil
}

// AddAuthenticator is AddCredential of an authenticator, and of the recovery codes that come with it unless the person has some to be
// used in place of another second factor; used reports whether the codes count.
func (w *Ways) AddAuthenticator(ctx context.Context, p Permit, c storage.Credential, codes []storage.Credential) (used bool, err error) {
	if err := p.Is(c.UserID, adds[c.Kind]); err != nil {
		return false, err
	}
	now, err := w.check(ctx, p, AddAuthenticator)
	if err != nil {
		return false, err
	}
	if err := w.insert(ctx, c); err != nil {
		return false, err
	}
	if now.account.Second() && now.account.Recovery > 0 {
		return false, nil
	}
	return true, w.putCodes(ctx, c.UserID, codes) // those of a time without a second factor go
}

// ReplaceRecoveryCodes gives the person other recovery codes (MakeRecoveryCodes).
func (w *Ways) ReplaceRecoveryCodes(ctx context.Context, p Permit, codes []storage.Credential) error {
	if err := w.Check(ctx, p, p.UserID(), MakeRecoveryCodes); err != nil {
		return err
	}
	return w.putCodes(ctx, p.UserID(), codes)
}

func (w *Ways) putCodes(ctx context.Context, userID string, codes []storage.Credential) error {
	if _, err := w.stores.Credentials.DeleteCredentials(ctx, userID, KindRecovery); err != nil {
		return fmt.Errorf("replace recovery codes: %w", err)
	}
	for _, c := range codes {
		if c.UserID != userID || c.Kind != KindRecovery {
			return fmt.Errorf("%w: a recovery code of another person or kind", ErrNotAllowed)
		}
		if err := w.insert(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// ReplacePassword puts a password in the place of the one there is, if there is one (ChangePassword, ResetPassword).
func (w *Ways) ReplacePassword(ctx context.Context, p Permit, c storage.Credential) error {
	if c.Kind != KindPassword || p.act != ChangePassword && p.act != ResetPassword {
		return fmt.Errorf("%w: the permit is not for another password", ErrNotAllowed)
	}
	if err := w.Check(ctx, p, c.UserID, p.act); err != nil {
		return err
	}
	if _, err := w.stores.Credentials.DeleteCredentials(ctx, c.UserID, KindPassword); err != nil {
		return fmt.Errorf("replace password: %w", err)
	}
	return w.insert(ctx, c)
}

// RemovePasskey takes one of the person's away (RemovePasskey), with the last second factor the recovery codes.
// storage.ErrNotFound: they have no such passkey.
func (w *Ways) RemovePasskey(ctx context.Context, p Permit, id string) error {
	if err := p.Is(p.UserID(), RemovePasskey); err != nil {
		return err
	}
	_, checked := w.check(ctx, p, RemovePasskey)
	if checked != nil && !errors.Is(checked, ErrLast) && !errors.Is(checked, ErrNeeded) {
		return checked
	}
	list, err := w.stores.Credentials.Credentials(ctx, p.UserID(), KindPasskey)
	if err != nil {
		return fmt.Errorf("remove passkey: %w", err)
	}
	if !slices.ContainsFunc(list, func(c storage.Credential) bool { return c.ID == id }) {
		return fmt.Errorf("remove passkey: %w", storage.ErrNotFound)
	}
	if checked != nil {
		return checked
	}
	if err := w.stores.Credentials.DeleteCredential(ctx, id, p.UserID()); err != nil {
		return fmt.Errorf("remove passkey: %w", err)
	}
	return w.tidy(ctx, p.UserID())
}

// RemoveAuthenticator takes the authenticator away (RemoveAuthenticator), with the last second factor the recovery codes.
// storage.ErrNotFound: there is none.
func (w *Ways) RemoveAuthenticator(ctx context.Context, p Permit) error {
	if err := w.Check(ctx, p, p.UserID(), RemoveAuthenticator); err != nil {
		return err
	}
	n, err := w.stores.Credentials.DeleteCredentials(ctx, p.UserID(), KindTOTP)
	if err == nil && n == 0 {
		err = storage.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("remove authenticator: %w", err)
	}
	return w.tidy(ctx, p.UserID())
}

// tidy removes the recovery codes of somebody who has nothing left in whose place they could be used.
func (w *Ways) tidy(ctx context.Context, userID string) error {
	n, err := w.stores.Accounts.CountCredentials(ctx, userID)
	if err != nil {
		return fmt.Errorf("read factors: %w", err)
	}
	if n[KindTOTP]+n[KindPasskey] > 0 || n[KindRecovery] == 0 {
		return nil
	}
	if _, err = w.stores.Credentials.DeleteCredentials(ctx, userID, KindRecovery); err != nil {
		return fmt.Errorf("remove recovery codes: %w", err)
	}
	return nil
}

// RemoveFactors takes all second factors and recovery codes away (ResetFactors), and tells the kinds of factors that there were.
func (w *Ways) RemoveFactors(ctx context.Context, p Permit) (kinds []string, err error) {
	if err := w.Check(ctx, p, p.UserID(), ResetFactors); err != nil {
		return nil, err
	}
	for _, kind := range []string{KindTOTP, KindPasskey, KindRecovery} {
		n, err := w.stores.Credentials.DeleteCredentials(ctx, p.UserID(), kind)
		if err != nil {
			return nil, fmt.Errorf("remove factors: %w", err)
		}
		if n > 0 && kind != KindRecovery {
			kinds = append(kinds, kind)
		}
	}
	return kinds, nil
}

// RemoveSince takes away what was added since a time, but the password (Freeze), and tells how many there were.
func (w *Ways) RemoveSince(ctx context.Context, p Permit, since time.Time) (int64, error) {
	if since.IsZero() {
		return 0, fmt.Errorf("%w: since when?", ErrNotAllowed)
	}
	return w.drop(ctx, p, Freeze, since)
}

// DropAttached takes everything away but the password (DropAttached).
func (w *Ways) DropAttached(ctx context.Context, p Permit) (int64, error) {
	return w.drop(ctx, p, DropAttached, time.Time{})
}

func (w *Ways) drop(ctx context.Context, p Permit, act Act, since time.Time) (int64, error) {
	if err := w.Check(ctx, p, p.UserID(), act); err != nil {
		return 0, err
	}
	n, err := w.stores.Credentials.DeleteFactors(ctx, p.UserID(), since)
	if err != nil {
		return n, fmt.Errorf("drop what was added: %w", err)
	}
	return n, nil
}

// LinkIdentity adds a login at an upstream (LinkLogin). storage.ErrConflict: it is somebody's.
func (w *Ways) LinkIdentity(ctx context.Context, p Permit, i storage.Identity) error {
	if err := w.Check(ctx, p, i.UserID, LinkLogin); err != nil {
		return err
	}
	if err := w.stores.Identities.InsertIdentity(ctx, i); err != nil {
		return fmt.Errorf("link identity: %w", err)
	}
	return nil
}

// UnlinkIdentity takes one of the person's logins at upstreams away, and tells which it was (UnlinkLogin). storage.ErrNotFound: they
// have no such login.
func (w *Ways) UnlinkIdentity(ctx context.Context, p Permit, id string) (storage.Identity, error) {
	if err := p.Is(p.UserID(), UnlinkLogin); err != nil {
		return storage.Identity{}, err
	}
	now, checked := w.check(ctx, p, UnlinkLogin)
	if checked != nil && !errors.Is(checked, ErrLast) {
		return storage.Identity{}, checked
	}
	list, err := w.stores.Identities.IdentitiesOfUser(ctx, p.UserID())
	if err != nil {
		return storage.Identity{}, fmt.Errorf("unlink identity: %w", err)
	}
	at := slices.IndexFunc(list, func(i storage.Identity) bool { return i.ID == id })
	if at < 0 {
		return storage.Identity{}, fmt.Errorf("unlink identity: %w", storage.ErrNotFound)
	}
	if checked != nil {
		return storage.Identity{}, checked
	}
	if w.usable(list[at].Upstream) { // it is not one of those that do not count
		now.account.Unusable = 0
		if err := again(p, UnlinkLogin, now.account); err != nil {
			return storage.Identity{}, err
		}
	}
	if err := w.stores.Identities.DeleteIdentity(ctx, id, p.UserID()); err != nil {
		return storage.Identity{}, fmt.Errorf("unlink identity: %w", err)
	}
	return list[at], nil
}

// Address is an address as it is stored.
type Address struct {
	Email    string // as typed
	Key      string // as addresses are compared
	Verified bool
}

// SetAddress gives the person an address (ChangeAddress), or back the one that an email went to (Freeze). It is verified only if the
// proof would verify it, too. It returns the person as they were before. storage.ErrConflict: it is somebody's.
func (w *Ways) SetAddress(ctx context.Context, p Permit, to Address) (before storage.User, err error) {
	if p.act != ChangeAddress && p.act != Freeze {
		return before, fmt.Errorf("%w: the permit is not for another address", ErrNotAllowed)
	}
	now, err := w.check(ctx, p, p.act)
	if err != nil {
		return before, err
	}
	if to.Verified && p.act == ChangeAddress {
		if err := again(p, VerifyAddress, now.account); err != nil {
			return before, err
		}
	}
	return now.user, w.writeAddress(ctx, now.user, to)
}

// VerifyAddress notes that the address, which has to be the person's, is theirs in truth (VerifyAddress). ErrChanged if they have
// another one.
func (w *Ways) VerifyAddress(ctx context.Context, p Permit, to Address) error {
	if err := p.Is(p.UserID(), VerifyAddress); err != nil {
		return err
	}
	now, err := w.check(ctx, p, VerifyAddress)
	if err != nil {
		return err
	}
	if now.user.EmailKey != to.Key {
		return fmt.Errorf("%w: another address", ErrChanged)
	}
	to.Verified = true
	return w.writeAddress(ctx, now.user, to)
}

func (w *Ways) writeAddress(ctx context.Context, u storage.User, to Address) error {
	old := u
	u.Email, u.EmailKey, u.EmailVerified, u.UpdatedAt = to.Email, to.Key, to.Verified, time.Now()
	if err := w.stores.People.UpdateUserEmail(ctx, old, u); err != nil {
		return fmt.Errorf("write address: %w", err)
	}
	return nil
}
