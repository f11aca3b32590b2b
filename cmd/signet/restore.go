package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"signet/server"
)

func (a *app) restore() *cobra.Command {
	var o server.RestoreOptions
	var with opening
	keys := "rotate"
	c := a.verb("restore FILE|latest", "Bring a backup back as the SQLite database of this configuration; servers must be stopped", 1,
		func(cmd *cobra.Command, args []string) (err error) {
			if keys != "rotate" && keys != "keep" {
				return usage("--keys is rotate or keep, not %q", keys)
			}
			o.KeepKeys = keys == "keep"
			c, err := a.configured()
			if err != nil {
				return err
			}
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
			done, err := server.Restore(ctx, c, o)
			if err != nil {
				return err
			}
			return a.answer(done, func(w io.Writer) { writeRestored(w, done) })
		})
	c.Long = "Bring a backup back as the SQLite database of this configuration; servers must be stopped.\n\n" +
		"All sessions, refresh tokens and links end, new keys sign, and what had waited to be sent is held (`signet delivery list`):\n" +
		"what was revoked since the backup must not come back to life. The journal beside the backups says who was disabled or\n" +
		"erased since, and which keys were revoked; that is done again."
	with.flags(c)
	f := c.Flags()
	f.BoolVar(&o.Replace, "replace", false, "a database is there: keep it under another name and put the backup in its place")
	f.BoolVar(&o.DryRun, "dry-run", false, "do everything but the last step, and change nothing")
	f.BoolVar(&o.KeepSessions, "keep-sessions", false, "people stay signed in; what was revoked since the backup is good again, too")
	f.StringVar(&keys, "keys", keys, "`rotate`: new keys sign and the backup's are forgotten; keep: they go on")
	f.BoolVar(&o.AcceptGap, "accept-gap", false, "restore although it is not known what was revoked since the backup")
	f.StringVar(&o.Journal, "journal", "", "`file` of the journal (backup.journal)")
	return c
}

func writeRestored(w io.Writer, d server.RestoredBackup) {
	verb := "restored"
	if d.DryRun {
		verb = "could be restored"
	}
	row(w, verb, "as of "+when(d.CreatedAt)+"; what was done later is undone, but for the acts below")
	for _, what := range slices.Sorted(maps.Keys(d.Ended)) {
		if d.Ended[what] > 0 {
			row(w, "ended", fmt.Sprintf("%s: %d", strings.ReplaceAll(what, "_", " "), d.Ended[what]))
		}
	}
	if len(d.Keys) > 0 {
		row(w, "new keys", strings.Join(d.Keys, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(d.Acts)) {
		row(w, "done again", fmt.Sprintf("%s: %d", name, d.Acts[name]))
	}
	for _, id := range d.Secrets {
		row(w, "to do", "`signet client rotate-secret "+id+"`: its secret was changed after the backup")
	}
	for _, id := range d.Look {
		row(w, "to do", "`signet user show "+id+"`: a way to sign in, an address or a wish to be deleted is as it was at the backup")
	}
	for _, id := range d.Changed {
		row(w, "to do", "`signet client show "+id+"`: it was changed after the backup, and is as it was before")
	}
	if d.Gap != "" {
		row(w, "not known", d.Gap)
	}
	if d.Before != "" {
		row(w, "kept", d.Before)
	}
}
