package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signet/admin"
	"signet/server"
	"signet/storage"
	"signet/storage/filter"
	"signet/users"
	"signet/users/factor"
	"signet/users/membership"
)

func (a *app) user() *cobra.Command {
	return noun("user", "People: create, look at, disable, change, delete",
		a.userCreate(), reads(a.userList()), reads(a.userShow()), a.userTokens(),
		a.userSwitch("disable", "Disable a person: ends all their sessions and grants", true),
		a.userSwitch("enable", "Let a disabled person sign in again", false),
		a.userImport(), a.userSetPassword(), a.userResetLink(), reads(a.userFactors()), a.userResetFactors(), a.userUnfreeze(),
		a.userSetEmail(), a.userSetClaims(), a.userSetMetadata(), reads(a.userPreviewClaims()), a.userDelete(), a.userRestore())
}

// person is how a user is shown: no hash, nothing sealed.
type person struct {
	ID            string          `json:"id"` // the sub claim
	Email         string          `json:"email"`
	EmailVerified bool            `json:"email_verified"`
	Username      string          `json:"username,omitempty"`
	Claims        json.RawMessage `json:"claims,omitempty"`
	Metadata      json.RawMessage `json:"metadata,omitempty"` // kept by administrators
	Groups        []string        `json:"groups,omitempty"`
	Roles         []string        `json:"roles,omitempty"`
	Identities    []identity      `json:"identities,omitempty"`
	Disabled      bool            `json:"disabled"`
	EraseAt       time.Time       `json:"erase_at,omitzero"` // when the account is erased, if that was asked for
	CreatedAt     time.Time       `json:"created_at"`
	UpdatedAt     time.Time       `json:"updated_at"`
}

// identity is who a person is at an upstream.
type identity struct {
	Upstream   string    `json:"upstream"`
	Issuer     string    `json:"iss"`
	Subject    string    `json:"sub"`
	Label      string    `json:"label,omitempty"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}

func personOf(u storage.User) person {
	return person{
		ID: u.ID, Email: u.Email, EmailVerified: u.EmailVerified, Username: u.Username, Claims: u.Profile,
		Disabled: !u.DisabledAt.IsZero(), EraseAt: u.EraseAt.UTC(), CreatedAt: u.CreatedAt.UTC(), UpdatedAt: u.UpdatedAt.UTC(),
	}
}

func (p person) write(w io.Writer) {
	row(w, "id (sub)", p.ID)
	row(w, "e-mail", p.Email+map[bool]string{true: " (verified)", false: " (not verified)"}[p.EmailVerified])
	row(w, "user name", dash(p.Username))
	row(w, "claims", string(p.Claims))
	if len(p.Metadata) > 0 {
		row(w, "metadata", string(p.Metadata))
	}
	if len(p.Groups)+len(p.Roles) > 0 {
		row(w, "groups", dash(strings.Join(p.Groups, " ")))
		row(w, "roles", dash(strings.Join(p.Roles, " ")))
	}
	for _, i := range p.Identities {
		row(w, "signs in at", i.Upstream+" as "+i.Issuer+" "+i.Subject+" ("+dash(i.Label)+"), last "+when(i.LastUsedAt))
	}
	row(w, "disabled", yes(p.Disabled))
	if !p.EraseAt.IsZero() {
		row(w, "erased at", when(p.EraseAt))
	}
	row(w, "created", when(p.CreatedAt))
}

// who chooses a person: by the one argument (id, e-mail or user name) or by --email.
type who struct{ email string }

func (w *who) flag(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&w.email, "email", "", "the person's e-mail `address`, instead of PERSON")
	return c
}

func (w *who) find(ctx context.Context, h *server.Services, args []string) (storage.User, error) {
	name := w.email
	if len(args) > 0 {
		name = args[0]
	}
	u, err := h.People.Show(ctx, name)
	if errors.Is(err, users.ErrNotFound) {
		return u, fmt.Errorf("nobody has the id, e-mail address or user name %q; see `signet user list`", name)
	}
	return u, err
}

// oneOfThem makes a verb take PERSON or --email, not both.
func (w *who) args(cmd *cobra.Command, args []string) error {
	if len(args) > 1 || (len(args) == 1) == (w.email != "") {
		return usage("name one person: `%s PERSON` (id, e-mail or user name) or --email ADDRESS", cmd.CommandPath())
	}
	return nil
}

func (a *app) userVerb(use, short string, do func(ctx context.Context, h *server.Services, u storage.User) error) *cobra.Command {
	var w who
	c := a.verb(use+" PERSON", short, 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			u, err := w.find(ctx, h, args)
			if err != nil {
				return err
			}
			return do(ctx, h, u)
		})
	})
	c.Args = w.args
	return w.flag(c)
}

func (a *app) userCreate() *cobra.Command {
	r := users.Registration{Voucher: users.VouchedByOperator()}
	var verified, administrator bool
	var passwordFile, claims, metadata string
	c := a.verb("create", "Create a person", 0, func(cmd *cobra.Command, _ []string) error {
		var err error
		if r.Claims, err = a.object("claims", claims); err != nil {
			return err
		}
		kept, err := a.object("metadata", metadata)
		if err != nil {
			return err
		}
		if passwordFile != "" {
			password, err := a.password(passwordFile)
			if err != nil {
				return err
			}
			r.Method = users.WithPassword(password)
		}
		if verified {
			r.Verification = users.VerifiedByOperator()
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			var u storage.User
			err := h.DB.Tx(ctx, func(ctx context.Context) (err error) {
				if u, err = h.People.CreateAccount(ctx, r); err != nil {
					return err
				}
				if len(kept) > 0 {
					if _, err := h.Admin.SetMetadata(ctx, h.Host(operator()), u.ID, "", kept); err != nil {
						return ofMetadata(err)
					}
				}
				if !administrator {
					return nil
				}
				return h.Admin.GiveRole(ctx, h.Host(operator()), membership.Admin, membership.Holder{UserID: u.ID})
			})
			if err != nil {
				return explain(err)
			}
			if administrator && passwordFile == "" {
				a.notice("Now `signet user reset-link " + u.Email + "` makes the link with which they choose a password.")
			}
			return a.memberships(ctx, h, u)
		})
	})
	f := c.Flags()
	f.BoolVar(&administrator, "admin", false, "make the person an administrator: they hold the role admin, and find /admin")
	f.StringVar(&r.Email, "email", "", "e-mail `address` (required, here or in --claims)")
	f.BoolVar(&verified, "email-verified", false, "the address is known to be the person's")
	f.StringVar(&r.Username, "username", "", "user `name` to sign in by, beside the address")
	f.StringVar(&r.Name, "name", "", "the person's `name`")
	f.StringVar(&passwordFile, "password-file", "",
		"`file` with the password, - for standard input; without one the person cannot sign in by password")
	f.StringVar(&claims, "claims", "", "`JSON` object of OpenID Connect standard claims, or @FILE")
	f.StringVar(&metadata, "metadata", "", "`JSON` object that administrators keep, and apps may be told, or @FILE")
	return c
}

// password reads one line of secret.
func (a *app) password(file string) (string, error) {
	text, err := a.readText(file)
	if err != nil {
		return "", fmt.Errorf("--password-file: %w", err)
	}
	if text == "" {
		return "", fmt.Errorf("--password-file: %s is empty", file)
	}
	return text, nil
}

// object is what a flag says: JSON itself, or @FILE.
func (a *app) object(flag, text string) (json.RawMessage, error) {
	if len(text) > 0 && text[0] == '@' {
		var err error
		if text, err = a.readText(text[1:]); err != nil {
			return nil, fmt.Errorf("--%s: %w", flag, err)
		}
	}
	if text == "" {
		return nil, nil
	}
	return json.RawMessage(text), nil
}

// explain turns what is wrong with fields into lines that name the flags.
func explain(err error) error {
	mistakes, ok := errors.AsType[users.Mistakes](err)
	if !ok {
		return err
	}
	flags := map[users.Field]string{
		users.FieldEmail: "--email", users.FieldUsername: "--username", users.FieldName: "--name",
		users.FieldPassword: "--password-file", users.FieldClaims: "--claims",
	}
	var all []error
	for _, m := range mistakes {
		all = append(all, fmt.Errorf("%s: %w", cmp.Or(flags[m.Field], string(m.Field)), m.Cause))
	}
	return errors.Join(all...)
}

func (a *app) userList() *cobra.Command {
	var search, since string
	var f filter.People
	c := a.verb("list", "List all people, or those who match", 0, func(cmd *cobra.Command, _ []string) (err error) {
		if f.CreatedSince, err = timeOf("created-since", since, time.Now()); err != nil {
			return err
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			list := []person{}
			for q := (admin.Ask{Limit: admin.MaxPage}); ; {
				page, err := h.Admin.People(ctx, h.Host(operator()), f, q)
				if err != nil {
					return err
				}
				for _, p := range page.Items {
					if one := ofAdmin(p); one.matches(search) {
						list = append(list, one)
					}
				}
				if q.After = page.Next; q.After == "" {
					break
				}
			}
			return a.answer(list, func(w io.Writer) {
				row(w, "ID", "E-MAIL", "VERIFIED", "USER NAME", "DISABLED", "CREATED")
				for _, p := range list {
					row(w, p.ID, p.Email, yes(p.EmailVerified), dash(p.Username), yes(p.Disabled), when(p.CreatedAt))
				}
			})
		})
	})
	flags := c.Flags()
	flags.StringVar(&search, "search", "",
		"only people whose id, email address, username or name has this `TEXT` in it, in capitals or not")
	flags.BoolVar(&f.Disabled, "disabled", false, "only people who are disabled")
	flags.BoolVar(&f.Unverified, "unverified", false, "only people whose email address is not verified")
	flags.StringVar(&f.Group, "group", "", "only people in the group of this `NAME`")
	flags.StringVar(&f.Role, "role", "", "only people who hold the role of this `NAME`, themselves or by a group")
	flags.StringVar(&since, "created-since", "",
		"only people who were created at this `TIME` or later: like 2026-11-27, or 24h for the last day")
	return c
}

func ofAdmin(p admin.Person) person {
	return person{ID: p.ID, Email: p.Email, EmailVerified: p.EmailVerified, Username: p.Username, Claims: p.Claims, Disabled: p.Disabled,
		EraseAt: p.EraseAt, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt}
}

// matches reports whether a person is among those looked for.
func (p person) matches(text string) bool {
	if text == "" {
		return true
	}
	var claims struct {
		Name   string `json:"name"`
		Given  string `json:"given_name"`
		Family string `json:"family_name"`
	}
	_ = json.Unmarshal(p.Claims, &claims) // a profile that cannot be read matches nothing
	text = strings.ToLower(text)
	return slices.ContainsFunc([]string{p.ID, p.Email, p.Username, claims.Name, claims.Given, claims.Family},
		func(s string) bool { return strings.Contains(strings.ToLower(s), text) })
}

func (a *app) userShow() *cobra.Command {
	return a.userVerb("show", "Show a person with all claims, groups, roles and identities at upstreams",
		func(ctx context.Context, h *server.Services, u storage.User) error {
			return a.memberships(ctx, h, u)
		})
}

// userTokens is for jobs that call an upstream's APIs for a person.
func (a *app) userTokens() *cobra.Command {
	var upstream string
	c := a.userVerb("upstream-tokens", "Show the tokens kept of a person at an upstream (keep_tokens), renewed if it is time",
		func(ctx context.Context, h *server.Services, u storage.User) error {
			if h.Federation == nil {
				return errors.New("no upstream is configured")
			}
			t, err := h.Federation.Tokens(ctx, u.ID, upstream)
			if err != nil {
				return fmt.Errorf("tokens of %s at %q: %w", u.Email, upstream, err)
			}
			return a.answer(t, func(w io.Writer) {
				row(w, "access token", t.Access)
				row(w, "scope", dash(t.Scope))
				row(w, "expires", when(t.ExpiresAt))
			})
		})
	c.Flags().StringVar(&upstream, "upstream", "", "`id` of the upstream")
	_ = c.MarkFlagRequired("upstream") // the flag exists
	return c
}

func (a *app) userSwitch(use, short string, disabled bool) *cobra.Command {
	return a.userVerb(use, short, func(ctx context.Context, h *server.Services, u storage.User) error {
		if _, err := h.Admin.SetDisabled(ctx, h.Host(operator()), u.ID, disabled); err != nil {
			return conflict(err)
		}
		return a.userAgain(ctx, h, u.ID)
	})
}

func (a *app) userAgain(ctx context.Context, h *server.Services, id string) error {
	u, err := h.People.Show(ctx, id)
	if err != nil {
		return err
	}
	p := personOf(u)
	if p.Metadata, err = h.Metadata.Of(ctx, id); err != nil {
		return err
	}
	return a.answer(p, p.write)
}

func (a *app) userSetPassword() *cobra.Command {
	var file string
	c := a.userVerb("set-password", "Set a person's password: ends all their sessions and grants",
		func(ctx context.Context, h *server.Services, u storage.User) error {
			password, err := a.password(file)
			if err != nil {
				return err
			}
			if err := h.People.SetPassword(ctx, factor.ForOperator(u.ID, factor.ResetPassword), password); err != nil {
				return explain(err)
			}
			return a.userAgain(ctx, h, u.ID)
		})
	c.Flags().StringVar(&file, "password-file", "", "`file` with the new password, - for standard input")
	_ = c.MarkFlagRequired("password-file") // the flag exists
	return c
}

func (a *app) userSetClaims() *cobra.Command {
	var text string
	c := a.userVerb("set-claims", "Set OpenID Connect standard claims of a person; null removes one",
		func(ctx context.Context, h *server.Services, u storage.User) error {
			claims, err := a.object("claims", text)
			if err != nil {
				return err
			}
			if u, err = h.People.SetClaims(ctx, factor.ForOperator(u.ID, factor.ChangeAddress), claims); err != nil {
				return explain(err)
			}
			p := personOf(u)
			return a.answer(p, p.write)
		})
	c.Flags().StringVar(&text, "claims", "", "`JSON` object of claims, or @FILE; others stay as they are")
	_ = c.MarkFlagRequired("claims") // the flag exists
	return c
}

// userSetEmail changes an address as the person could, without waiting for the new mailbox to answer.
func (a *app) userSetEmail() *cobra.Command {
	var w who
	var verified, unverified bool
	c := a.verb("set-email PERSON ADDRESS", "Give a person another email address; the one before is told, with a link that undoes it", 2,
		func(cmd *cobra.Command, args []string) error {
			if verified == unverified {
				return usage("say --verified if you know that the address is theirs, else --unverified")
			}
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				u, err := w.find(ctx, h, args[:1])
				if err != nil {
					return err
				}
				if u, err = h.People.SetEmail(ctx, factor.ForOperator(u.ID, factor.ChangeAddress), args[1], verified); err != nil {
					return explainAddress(err)
				}
				p := personOf(u)
				return a.answer(p, p.write)
			})
		})
	c.Flags().BoolVar(&verified, "verified", false, "you know that the address is theirs")
	c.Flags().BoolVar(&unverified, "unverified", false, "they have to verify it")
	return c
}

// explainAddress tells what is wrong with the argument ADDRESS.
func explainAddress(err error) error {
	mistakes, ok := errors.AsType[users.Mistakes](err)
	if !ok {
		return err
	}
	var all []error
	for _, m := range mistakes {
		all = append(all, fmt.Errorf("ADDRESS: %w", m.Cause))
	}
	return errors.Join(all...)
}

// deletion is what `user delete` answers.
type deletion struct {
	ID      string    `json:"id"`
	EraseAt time.Time `json:"erase_at"`
}

func (a *app) userDelete() *cobra.Command {
	var now, yes bool
	c := a.userVerb("delete", "Delete a person: ends all their sessions and grants, and erases them after accounts.delete_grace",
		func(ctx context.Context, h *server.Services, u storage.User) error {
			gone, err := h.Admin.DeletePerson(ctx, h.Host(operator()), u.ID, "", now)
			if err != nil {
				return conflict(err)
			}
			d := deletion{u.ID, gone.EraseAt}
			if d.EraseAt.IsZero() { // it was at once
				d.EraseAt = time.Now().UTC()
			}
			return a.answer(d, func(w io.Writer) {
				row(w, "id (sub)", d.ID)
				row(w, "erased at", when(d.EraseAt))
			})
		})
	c.Flags().BoolVar(&now, "now", false, "erase at once; nothing brings the person back")
	yesFlag(c, &yes)
	act := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if now {
			if err := sure(cmd, yes, "--now erases the person and all that is theirs, for good"); err != nil {
				return err
			}
		}
		return act(cmd, args)
	}
	return c
}

func (a *app) userRestore() *cobra.Command {
	return a.userVerb("restore", "Keep a person who was to be deleted", func(ctx context.Context, h *server.Services, u storage.User) error {
		if _, err := h.Admin.RestorePerson(ctx, h.Host(operator()), u.ID); err != nil {
			return conflict(err)
		}
		return a.userAgain(ctx, h, u.ID)
	})
}
