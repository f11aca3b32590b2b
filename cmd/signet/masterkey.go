package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/config"
	"signet/server"
	"signet/storage"
)

// inspected is how many sealed values of each kind doctor opens.
const inspected = 100_000

// lookAtMasterKeys counts what is left under each master key, and tells when one can be taken off the list.
func lookAtMasterKeys(ctx context.Context, c config.Config, db *storage.DB) []finding {
	const about = "master key"
	keys, damaged, err := server.MasterKeys(ctx, c, db, inspected)
	if errors.Is(err, server.ErrNoMasterKey) {
		if sealed, readErr := db.Keys(ctx); readErr == nil && len(sealed) == 0 && !c.Storage.DSN.Postgres() {
			return []finding{{about, true, "not there yet; `signet serve` makes it"}}
		}
	}
	if err != nil {
		return []finding{{about, false, err.Error()}}
	}
	var findings []finding
	for _, k := range keys {
		findings = append(findings, findingOf(k, time.Now()))
	}
	for _, d := range damaged {
		findings = append(findings, finding{about, false, fmt.Sprintf("%s of %s does not open: it is damaged; restore the row from a backup, "+
			"or have it made anew", d.Column, d.Row)})
	}
	return findings
}

// findingOf says what a master key is needed for.
func findingOf(k server.MasterKey, now time.Time) finding {
	f := finding{"master key", true, k.ID + " is the first on the list: it seals and signs"}
	if k.First {
		return f
	}
	f.Text = k.ID + " is not listed"
	if k.Listed {
		f.Text = k.ID + " is listed behind the first"
	}
	sealed := false
	for _, l := range k.Left {
		f.Text += "; " + leftText(l)
		sealed = sealed || !l.Derived
	}
	switch {
	case !k.Listed:
		f.OK = !sealed
	case sealed:
		f.Text += "; run `signet key reseal`"
	case now.Before(k.EndsAt):
		f.Text += "; take it off after " + when(k.EndsAt) + ", when the last refresh token that it signed is too old"
	case k.UsedAt.IsZero():
		f.Text += "; no server has noted that it signed with it: if it was the first before this version was there, keep it for the " +
			"longest idle time of refresh tokens, else it can be taken off"
	default:
		f.Text += "; it can be taken off the list"
	}
	return f
}
