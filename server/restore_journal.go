package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"signet/admin/setting"
	"signet/audit"
	"signet/clients"
	"signet/config"
	"signet/internal/backup"
	"signet/storage"
	"signet/storage/sqlitefile"
)

// actsSince reads what the journal of the real configuration and the database that is there tell of the time since a backup, and says what
// neither tells.
func (h *Services) actsSince(ctx context.Context, c config.Config, from time.Time, o RestoreOptions) (acts []backup.Act, gap string,
	err error) {
	there, whole := actsInDatabase(ctx, c.Storage.DSN.SQLitePath(), from)
	noted, gap := h.actsInJournal(c, from, o)
	if whole {
		gap = ""
	}
	if gap != "" && !o.AcceptGap {
		return nil, gap, errors.New(gap + "; say --accept-gap to restore all the same, and look through it yourself")
	}
	seen := map[string]bool{}
	for _, a := range append(noted, there...) {
		if !seen[a.ID] && !a.At.Before(from.Add(-commitLag)) {
			acts = append(acts, a)
		}
		seen[a.ID] = true
	}
	slices.SortStableFunc(acts, func(a, b backup.Act) int { return a.At.Compare(b.At) })
	return acts, gap, nil
}

// actsInDatabase reads them from the database that is to give way; false where there is none, or none that is sound.
func actsInDatabase(ctx context.Context, path string, from time.Time) (acts []backup.Act, whole bool) {
	if _, err := os.Stat(path); err != nil || sqlitefile.Check(ctx, path) != nil {
		return nil, false
	}
	db, err := storage.Open(ctx, storage.Options{DSN: "sqlite:" + path, ReadOnly: true, PoolSize: 1})
	if err != nil {
		return nil, false
	}
	defer db.Close()
	acts, err = (&journal{db: db}).since(ctx, from.Add(-commitLag))
	return acts, err == nil
}

// actsInJournal reads them from the journal, and says what it does not tell.
func (h *Services) actsInJournal(c config.Config, from time.Time, o RestoreOptions) (acts []backup.Act, gap string) {
	path := o.Journal
	if path == "" {
		path = c.JournalFile()
	}
	since := from.UTC().Format(time.RFC3339)
	if path == "" {
		return nil, "no journal was kept (backup.journal): who was disabled or erased and what was revoked since " + since + " is not known"
	}
	record, err := journalOf(path, h.Master).Read()
	if err != nil {
		return nil, fmt.Sprintf("the journal cannot be read (%v): who was disabled or erased and what was revoked since %s is not known", err,
			since)
	}
	return record.Acts, gapOf(record, path, from)
}

func gapOf(r backup.Record, path string, from time.Time) string {
	switch {
	case r.Since.IsZero():
		return fmt.Sprintf("nothing in the journal %s verifies with this master key", path)
	case r.Since.Truncate(time.Millisecond).After(from): // a backup tells no smaller ones
		return fmt.Sprintf("the journal %s begins at %s: acts between the backup (%s) and then are not known", path,
			r.Since.UTC().Format(time.RFC3339), from.UTC().Format(time.RFC3339))
	case r.Damaged > 0:
		return fmt.Sprintf("%d line(s) of the journal %s do not verify: what they said is not known", r.Damaged, path)
	}
	return ""
}

// doAgain does to the restored database what was done since the backup and must not be undone. Whom or what it does not know was made
// later, and is gone.
func (h *Services) doAgain(ctx context.Context, acts []backup.Act, done *RestoredBackup) error {
	done.Acts = map[string]int{}
	now := time.Now()
	for i, a := range acts {
		if name := audit.Name(a.Name); name == audit.GroupMemberAdded || name == audit.RoleGiven || overtaken(acts, i) {
			continue
		}
		if a.Less = lessNow(acts, i); audit.Name(a.Name) == audit.ConsentGiven && len(a.Less) == 0 {
			continue
		}
		err := h.doOne(ctx, a, now, done)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("do %s of %s again: %w", a.Name, a.At.Format(time.RFC3339), err)
		}
		done.Acts[a.Name]++
	}
	return nil
}

func (h *Services) doOne(ctx context.Context, a backup.Act, now time.Time, done *RestoredBackup) error {
	switch audit.Name(a.Name) {
	case audit.UserDisabled:
		return h.DB.SetUserDisabled(ctx, a.User, a.At, now)
	case audit.UserEnabled:
		return h.DB.SetUserDisabled(ctx, a.User, time.Time{}, now)
	case audit.UserFrozen:
		return h.DB.SetUserFrozen(ctx, a.User, a.At, now)
	case audit.UserUnfrozen:
		return h.DB.SetUserFrozen(ctx, a.User, time.Time{}, now)
	case audit.UserErased:
		if _, err := h.DB.ClearUser(ctx, a.User, now); err != nil {
			return err
		}
		return h.DB.Tx(ctx, func(ctx context.Context) error { return h.DB.EraseUser(ctx, a.User) })
	case audit.PasswordChanged, audit.PasswordSet, audit.PasswordReset:
		return known(h.DB.DropPassword(ctx, a.User))
	case audit.ClientDisabled:
		return h.DB.SetClientDisabled(ctx, a.Client, a.At, now)
	case audit.ClientEnabled:
		return h.DB.SetClientDisabled(ctx, a.Client, time.Time{}, now)
	case audit.ClientDeleted:
		return h.DB.DeleteClient(ctx, a.Client, now)
	case audit.ClientSecretRotated:
		err := known(h.DB.EndSecrets(ctx, a.Client))
		if err == nil {
			done.Secrets = append(done.Secrets, a.Client)
		}
		return err
	case audit.ClientSecretRemoved:
		return known(h.DB.EndSecret(ctx, a.Client, a.Key))
	case audit.ClientToolsRemoved:
		err := h.Clients.SetAdminTools(ctx, a.Client, false, func(context.Context, string) error { return nil })
		if errors.Is(err, clients.ErrUnknown) || errors.Is(err, clients.ErrDeclared) {
			return storage.ErrNotFound // gone, or the configuration says it
		}
		return err
	case audit.UpstreamDisabled, audit.UpstreamDeleted, audit.UpstreamEnabled:
		return h.setUpstreamAgain(ctx, a)
	case audit.SettingChanged, audit.SettingReset:
		return h.forgetMail(ctx, a)
	case audit.ConsentWithdrawn:
		return h.withdrawAgain(ctx, a, now)
	case audit.ConsentGiven:
		narrowed, err := h.DB.NarrowConsent(ctx, a.User, a.Client, a.Less)
		if err == nil && !narrowed {
			return storage.ErrNotFound
		}
		return err
	case audit.AgentPaused:
		paused, err := h.DB.PauseAgent(ctx, a.User, a.Client, true, now)
		if err == nil && !paused {
			return storage.ErrNotFound
		}
		return err
	case audit.AgentAllowed:
		narrowed, err := h.DB.NarrowAgent(ctx, a.User, a.Client, a.Until, a.Calls)
		if err == nil && !narrowed {
			return storage.ErrNotFound
		}
		return err
	case audit.AdminTokenRevoked:
		return h.DB.RevokeToken(ctx, a.Token, now.Add(longestHostToken))
	case audit.GroupMemberRemoved, audit.GroupDeleted, audit.RoleTaken, audit.RoleDeleted, audit.RoleChanged:
		return h.lessenAgain(ctx, a)
	case audit.ClientChanged:
		if _, _, err := h.DB.ClientByID(ctx, a.Client); err != nil {
			return err
		}
		if !slices.Contains(done.Changed, a.Client) {
			done.Changed = append(done.Changed, a.Client)
		}
	case audit.FactorRemoved, audit.PasskeyRemoved, audit.UpstreamUnlinked, audit.EmailChanged, audit.UserDeleteAsked:
		if _, err := h.DB.UserByID(ctx, a.User); err != nil {
			return err
		}
		if !slices.Contains(done.Look, a.User) {
			done.Look = append(done.Look, a.User)
		}
	}
	return nil // keys: see replaceKeys
}

// lessenAgain takes away what somebody might do and may not any more. What was given since the backup stays undone.
func (h *Services) lessenAgain(ctx context.Context, a backup.Act) error {
	switch audit.Name(a.Name) {
	case audit.GroupMemberRemoved:
		return h.DB.RemoveMember(ctx, a.Group, a.User)
	case audit.GroupDeleted:
		return h.DB.DeleteGroup(ctx, a.Group)
	case audit.RoleDeleted:
		return h.DB.DeleteRole(ctx, a.Role)
	case audit.RoleTaken:
		if a.Group != "" {
			return h.DB.TakeRole(ctx, a.Role, storage.HolderGroup, a.Group)
		}
		return h.DB.TakeRole(ctx, a.Role, storage.HolderUser, a.User)
	}
	old, err := h.DB.RolePermits(ctx, a.Role)
	if err != nil || a.Permits == nil {
		return err
	}
	left := slices.DeleteFunc(strings.Fields(old), func(p string) bool { return !slices.Contains(a.Permits, p) })
	return h.DB.SetRolePermits(ctx, a.Role, old, strings.Join(left, " "))
}

// setUpstreamAgain disables or enables an upstream that the database keeps. One that was deleted since is disabled: who restores decides.
func (h *Services) setUpstreamAgain(ctx context.Context, a backup.Act) error {
	return h.DB.Tx(ctx, func(ctx context.Context) error {
		_, _, err := h.Settings.ChangeUpstream(ctx, a.Upstream, setting.Secrets{}, func(u *setting.Upstream) error {
			u.Disabled = a.Name != string(audit.UpstreamEnabled)
			return nil
		})
		_, wrong := errors.AsType[setting.Invalid](err)
		if wrong || errors.Is(err, setting.ErrUnknown) || errors.Is(err, setting.ErrDeclared) || errors.Is(err, setting.ErrLinked) {
			return storage.ErrNotFound // gone, or nothing that people could sign in at
		}
		return err
	})
}

// forgetMail forgets the mail server of the backup where another was set since, or none: whoever has that one must not get what resets
// passwords. Who restores sets it again.
func (h *Services) forgetMail(ctx context.Context, a backup.Act) error {
	if a.Setting != setting.Mail {
		return nil // nobody is let in by how pages look
	}
	err := h.DB.Tx(ctx, func(ctx context.Context) error {
		return h.Settings.ResetSection(ctx, a.Setting, func(setting.State) error { return nil })
	})
	if errors.Is(err, setting.ErrUnknown) || errors.Is(err, setting.ErrDeclared) {
		return storage.ErrNotFound
	}
	return err
}

// overtaken reports whether what an act takes away was given back by a later one.
func overtaken(acts []backup.Act, i int) bool {
	a, back := acts[i], audit.Name("")
	switch audit.Name(a.Name) {
	case audit.GroupMemberRemoved:
		back = audit.GroupMemberAdded
	case audit.RoleTaken:
		back = audit.RoleGiven
	case audit.AgentAllowed: // the last that the person said counts, as far as it is less than what the backup says
		back = audit.AgentAllowed
	default:
		return false
	}
	return slices.ContainsFunc(acts[i+1:], func(b backup.Act) bool {
		return b.Name == string(back) && b.User == a.User && b.Group == a.Group && b.Role == a.Role &&
			(back != audit.AgentAllowed || b.Client == a.Client)
	})
}

// lessNow are the scopes that a consent takes away and no later one gave back.
func lessNow(acts []backup.Act, i int) []string {
	a := acts[i]
	return slices.DeleteFunc(slices.Clone(a.Less), func(s string) bool {
		return slices.ContainsFunc(acts[i+1:], func(b backup.Act) bool {
			return b.User == a.User && b.Client == a.Client && slices.Contains(b.Again, s)
		})
	})
}

func (h *Services) withdrawAgain(ctx context.Context, a backup.Act, now time.Time) error {
	return h.DB.Tx(ctx, func(ctx context.Context) error {
		there, err := h.DB.WithdrawConsent(ctx, a.User, a.Client, now)
		if err != nil {
			return err
		}
		if !there {
			return storage.ErrNotFound
		}
		_, err = h.DB.RevokeGrants(ctx, storage.GrantFilter{UserID: a.User, ClientID: a.Client}, "consent withdrawn", now)
		return err
	})
}

// known is ErrNotFound where nothing was touched.
func known(n int64, err error) error {
	if err == nil && n == 0 {
		return storage.ErrNotFound
	}
	return err
}
