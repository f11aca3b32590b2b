package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"signet/audit"
	"signet/config"
	"signet/internal/backup"
	"signet/server"
)

// actsMark marks a command that does something by itself although it has verbs below it.
const actsMark = "acts"

// backup makes one; its verbs list and verify.
func (a *app) backup() *cobra.Command {
	var o server.BackupOptions
	var passphrase string
	c := a.verb("backup [TARGET]", "Copy the database, while servers use it, to a folder, a file NAME.backup or s3://BUCKET/PREFIX", -1,
		func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("`signet backup` takes one target, got %d words", len(args))
			}
			c, err := a.configured()
			if err != nil {
				return err
			}
			set := server.BackupOf(c)
			if cmd.Flags().Changed("to") || passphrase != "" || o.Sealing.Plain {
				set.Sealing = o.Sealing
			}
			if set.Sealing.Passphrase, err = a.passphrase(passphrase, set.Sealing.Passphrase); err != nil {
				return err
			}
			set.WithMasterKey = set.WithMasterKey || o.WithMasterKey
			if cmd.Flags().Changed("keep") {
				set.Keep = o.Keep
			}
			if len(args) == 1 {
				if set.To = args[0]; !cmd.Flags().Changed("keep") {
					set.Keep = 0 // what lies elsewhere is nobody's to delete, unless it is said
				}
			}
			if set.To == "" {
				return usage("say where to: `signet backup FOLDER`, or set backup.to")
			}
			ctx, stop := interrupted(cmd)
			defer stop()
			made, err := server.MakeBackup(ctx, c, set)
			if err != nil {
				return err
			}
			if err := a.noteBackup(cmd, c, audit.BackupMade, made); err != nil {
				return err
			}
			return a.answer(made, func(w io.Writer) {
				row(w, "made", made.Path)
				row(w, "size", fmt.Sprint(made.Size))
				row(w, "encrypted", yes(made.Encrypted))
				for _, old := range made.Deleted {
					row(w, "deleted", old)
				}
			})
		})
	c.Args = cobra.ArbitraryArgs
	f := c.Flags()
	f.StringSliceVar(&o.Sealing.Recipients, "to", nil, "encrypt it to this public `KEY` of age (age1…); may be repeated (backup.recipients)")
	f.StringVar(&passphrase, "passphrase-file", "", "encrypt it under the passphrase in this `file` (backup.passphrase)")
	f.BoolVar(&o.Sealing.Plain, "plain", false, "do not encrypt it")
	f.BoolVar(&o.WithMasterKey, "with-master-key", false, "put the master key in; only into one that is encrypted")
	f.IntVar(&o.Keep, "keep", 0, "delete all but the newest `N` in the folder; 0 = none")
	c.Annotations = map[string]string{actsMark: "true"}
	c.AddCommand(a.backupList(), a.backupVerify())
	return c
}

// interrupted is a context that the first interrupt ends, so that what is not encrypted is removed; the second has its usual effect.
func interrupted(cmd *cobra.Command) (ctx context.Context, stop func()) {
	ctx, stop = signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// noteBackup writes down in the database what was done; a database that cannot be written to is no reason to say that it was not.
func (a *app) noteBackup(cmd *cobra.Command, c config.Config, name audit.Name, detail any) error {
	ctx := audit.WithOrigin(cmd.Context(), audit.Origin{Actor: "cli"})
	if err := server.NoteAct(ctx, c, name, detail); err != nil {
		a.notice("Warning: not noted in the database: " + err.Error())
	}
	return nil
}

// passphrase reads one from a file, if one is named.
func (a *app) passphrase(file, otherwise string) (string, error) {
	if file == "" {
		return otherwise, nil
	}
	text, err := a.readText(file)
	if err != nil {
		return "", fmt.Errorf("--passphrase-file: %w", err)
	}
	return text, nil
}

func (a *app) backupList() *cobra.Command {
	return a.verb("list", "List the backups in backup.to, the oldest first", 0, func(cmd *cobra.Command, _ []string) error {
		c, err := a.configured()
		if err != nil {
			return err
		}
		if c.Backup.To == "" {
			return errors.New("backup.to is not set")
		}
		store, err := server.BackupOf(c).Store()
		if err != nil {
			return err
		}
		list, err := store.List(cmd.Context())
		if err != nil {
			return err
		}
		return a.answer(list, func(w io.Writer) {
			row(w, "NAME", "MADE", "SIZE")
			for _, e := range list {
				row(w, e.Name, when(e.CreatedAt), fmt.Sprint(e.Size))
			}
		})
	})
}

// opening are the flags that open a backup.
type opening struct {
	identity, passphrase string
	unsigned             bool
}

func (o *opening) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.identity, "identity", "", "`file` with the secret key of age (AGE-SECRET-KEY-1…)")
	c.Flags().StringVar(&o.passphrase, "passphrase-file", "", "`file` with the passphrase")
	c.Flags().BoolVar(&o.unsigned, "unsigned", false, "take one that no master key has signed, whoever made it")
}

func (a *app) opened(o opening, c config.Config) (out backup.Opening, err error) {
	out.Anybodys = o.unsigned
	if out.Passphrase, err = a.passphrase(o.passphrase, c.Backup.Passphrase.Reveal()); err != nil || o.identity == "" {
		return out, err
	}
	if out.Identities, err = a.readText(o.identity); err != nil {
		return out, fmt.Errorf("--identity: %w", err)
	}
	return out, nil
}

func (a *app) backupVerify() *cobra.Command {
	var with opening
	var folder string
	c := a.verb("verify FILE|latest", "Open a backup in a temporary place and have a server on it sign a token, with every way out closed", 1,
		func(cmd *cobra.Command, args []string) (err error) {
			c, err := a.configured()
			if err != nil {
				return err
			}
			o := server.VerifyOptions{Scratch: folder}
			if o.Opening, err = a.opened(with, c); err != nil {
				return err
			}
			ctx, stop := interrupted(cmd)
			defer stop()
			file, fetched, err := server.FetchBackup(ctx, c, args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, fetched()) }()
			o.File = file
			found, err := server.VerifyBackup(ctx, c, o)
			if err != nil {
				return err
			}
			if err := a.noteBackup(cmd, c, audit.BackupVerified, map[string]any{"file": found.File, "created_at": found.CreatedAt}); err != nil {
				return err
			}
			return a.answer(found, func(w io.Writer) {
				row(w, "good", found.File)
				row(w, "made", when(found.CreatedAt)+" by "+cmp.Or(found.Release, "-"))
				row(w, "issuer", found.Issuer)
				row(w, "schema", fmt.Sprint(found.Schema))
				row(w, "people", fmt.Sprint(found.Rows["users"]))
				row(w, "encrypted", yes(found.Encrypted))
				row(w, "signed", yes(found.Signed))
				if found.Unreadable > 0 {
					row(w, "worth a look", fmt.Sprintf("%d sealed value(s) do not open: `signet doctor`", found.Unreadable))
				}
			})
		})
	with.flags(c)
	c.Flags().StringVar(&folder, "scratch", "",
		"`folder` for the copy, which is not encrypted while it lasts (default: the system's for temporary files)")
	return c
}
