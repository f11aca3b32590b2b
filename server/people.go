package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"signet/config"
	"signet/internal/egress"
	"signet/internal/mail"
	"signet/internal/ratelimit"
	"signet/internal/seal"
	"signet/oauth/grants"
	"signet/users"
	"signet/users/deletion"
	"signet/users/export"
	"signet/users/factor"
	"signet/users/firstrun"
	"signet/users/membership"
	"signet/users/metadata"
	"signet/users/passkey"
	"signet/users/password"
	"signet/users/password/breach"
	"signet/users/picture"
	"signet/users/recovery"
	"signet/users/session"
	"signet/users/ticket"
)

// openPeople builds the services of people.
func (h *Services) openPeople(o Options) error {
	c := h.Config
	passwords, err := password.New(password.Options{
		Peppers: h.Master.DeriveAll("password pepper"), Pepper: c.Passwords.Pepper, Lists: h.breachLists(),
		MinLength: c.Passwords.MinLength,
		Cost:      cmp.Or(o.BcryptCost, c.Passwords.BcryptCost),
		Own:       []string{"signet", c.Branding.Name, c.IssuerURL().Hostname()},
	})
	if err != nil {
		return err
	}
	h.passwords = passwords
	h.Sessions, err = session.New(session.Options{
		Stores: session.StoresOf(h.DB), Audit: h.Audit, Idle: c.Sessions.Idle, Lifetime: c.Sessions.Lifetime, Short: c.Sessions.Short,
		Ended: h.sessionEnded,
	})
	if err != nil {
		return err
	}
	codes := h.Master.DeriveAll("ticket codes")
	if h.Tickets, err = ticket.New(ticket.StoresOf(h.DB), codes[0], codes[1:]...); err != nil {
		return err
	}
	h.Metadata = metadata.Service{Store: h.DB, Audit: h.Audit}
	if h.Members, err = membership.New(membership.StoresOf(h.DB), h.Audit); err != nil {
		return err
	}
	var post users.Post
	if c.Mail.On() {
		if h.Outbox, err = mail.NewOutbox(h.DB, ratelimit.New(h.DB), sealer{h.Master, h}, seal.Place); err != nil {
			return err
		}
		post = h.Outbox
	}
	h.Ways, err = factor.NewWays(factor.WaysOptions{
		Stores: factor.StoresOf(h.DB), Policy: factor.Policy(c.Factors.Required), Usable: h.configured,
	})
	if err != nil {
		return err
	}
	h.People, err = users.New(users.Options{
		Withdrawn: h.Logouts.ConsentWithdrawn,
		Post:      post, Issuer: c.Server.Issuer, Terms: c.Terms.Version,
		Stores: users.StoresOf(h.DB), Ways: h.Ways, Audit: h.Audit, Sessions: h.Sessions, Passwords: passwords, Tickets: h.Tickets,
		Signup: users.Signup{Closed: c.Signup.Mode != config.SignupOpen, Invites: c.Signup.Mode != config.SignupClosed,
			Domains: c.Signup.Domains},
	})
	if err != nil {
		return err
	}
	h.Factors, err = factor.New(factor.Options{
		Stores: factor.StoresOf(h.DB), Ways: h.Ways, Audit: h.Audit, Tickets: h.Tickets, Sealer: sealer{h.Master, h}, Place: seal.Place,
		Notices: h.People, Issuer: c.Branding.Name,
	})
	if err != nil {
		return err
	}
	if err := h.openAccounts(); err != nil {
		return err
	}
	if err := h.openFederation(); err != nil {
		return err
	}
	h.FirstRun, err = firstrun.New(firstrun.Options{
		Store: h.DB, Accounts: h.People, Roles: h.Members, Limits: ratelimit.New(h.DB), Audit: h.Audit,
	})
	if err != nil {
		return err
	}
	return h.openPasskeys()
}

// openAccounts builds recovery, deletion, export and pictures.
func (h *Services) openAccounts() (err error) {
	h.Recovery, err = recovery.New(recovery.Options{
		Store: h.DB, Ways: h.Ways, Audit: h.Audit, Tickets: h.Tickets, People: h.People, Mail: h.People, Factors: h.Factors,
		Wait: h.Config.Factors.RecoveryWait,
	})
	if err != nil {
		return err
	}
	h.Deletion, err = deletion.New(deletion.Options{
		Store: h.DB, Rows: h.DB, Audit: h.Audit, People: h.People, Administrators: h.administrators(),
		Grace: h.Config.Accounts.DeleteGrace, Log: h.Log,
	})
	if err != nil {
		return err
	}
	h.Export, err = export.New(export.Options{Store: h.DB, History: h.DB, Audit: h.Audit, People: h.People, Sessions: h.Sessions})
	if err != nil {
		return err
	}
	h.Pictures, err = picture.New(picture.Options{Store: h.DB, Limits: h.DB, Profile: h.People, Issuer: h.Config.Server.Issuer})
	return err
}

// openPasskeys builds what passkeys need, where browsers offer them.
func (h *Services) openPasskeys() (err error) {
	c := h.Config
	issuer := c.IssuerURL()
	if !passkey.Usable(issuer) {
		return nil
	}
	h.Passkeys, err = passkey.New(passkey.Options{
		Stores: passkey.StoresOf(h.DB), Ways: h.Ways, Audit: h.Audit, Tickets: h.Tickets, Name: c.Branding.Name,
		RPID:    cmp.Or(c.Passkeys.RPID, issuer.Hostname()),
		Origins: append([]string{issuer.Scheme + "://" + issuer.Host}, c.Passkeys.Origins...), Notify: h.People.Notify,
	})
	return err
}

// rangeTotal is how long a range API may take: somebody waits for their new password meanwhile.
const rangeTotal = 2 * time.Second

// breachLists are the configured ones. A list that cannot be asked is no reason to refuse a new password, but one to tell.
func (h *Services) breachLists() []password.List {
	c := h.Config.Passwords
	failed := func(list string) func(error) {
		return func(err error) {
			h.Metrics.BreachListFailed(list)
			h.Log.Warn("list of breached passwords not asked", "list", list, "error", err)
		}
	}
	var lists []password.List
	if c.BreachFile != "" {
		lists = append(lists, &breach.File{Path: c.BreachFile, Failed: failed("file")})
	}
	if c.RangeAPI != "" {
		out := h.chosenWay(egress.Options{
			Total: rangeTotal, Connect: rangeTotal, MaxBody: 256 << 10, PerHost: 16,
		})
		lists = append(lists, &breach.Range{URL: c.RangeAPI, Fetcher: out, Failed: failed("range")})
	}
	return lists
}

// passwordChecker is people as the password grant sees them: the protocol must not import users. Whether a password alone is enough
// is users/factor's rule.
type passwordChecker struct {
	people  *users.Service
	factors *factor.Service
}

// CheckPassword tells who signs in with a password, in the protocol's words.
func (p passwordChecker) CheckPassword(ctx context.Context, username, pass, network string) (userID string, epoch int64, err error) {
	userID, epoch, err = p.people.CheckPassword(ctx, username, pass, network)
	if late, ok := errors.AsType[*users.Throttled](err); ok {
		return "", 0, &grants.Throttled{RetryAfter: late.RetryAfter}
	}
	switch {
	case errors.Is(err, users.ErrWrong):
		return "", 0, fmt.Errorf("%w: %w", grants.ErrWrongPassword, err)
	case errors.Is(err, password.ErrBusy):
		return "", 0, fmt.Errorf("%w: %w", grants.ErrBusy, err)
	case err != nil:
		return "", 0, err
	}
	suffices, err := p.factors.PasswordSuffices(ctx, userID)
	if err != nil {
		return "", 0, err
	}
	if !suffices {
		return "", 0, fmt.Errorf("%w: a second factor is needed", grants.ErrWrongPassword)
	}
	return userID, epoch, nil
}
