package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"signet/config"
	"signet/server"
	"signet/server/health"
	"signet/storage"
	"signet/storage/pgcheck"
	"signet/storage/sqlitefile"
)

// lookAtDatabase opens it, unless it is a file that serve has still to make, and looks for what upstreams put people into.
func (a *app) lookAtDatabase(ctx context.Context, c config.Config) []finding {
	const about = "database"
	if path, file := strings.CutPrefix(c.Storage.DSN.Reveal(), "sqlite:"); file {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return []finding{{about, true, "not there yet; `signet serve` makes it"}}
		}
	}
	db, err := server.OpenDatabase(ctx, c, nil, server.ForReading)
	if err != nil {
		return []finding{{about, false, err.Error()}}
	}
	defer db.Close()
	schema, fits := lookAtSchema(ctx, c, db)
	if !fits {
		return append([]finding{schema}, missingMasterKey(c)...)
	}
	findings := append([]finding{schema, tryWrite(ctx, c), lookAtClock(ctx, db)}, lookAtMasterKeys(ctx, c, db)...)
	findings = append(findings, lookForDamage(ctx, db)...)
	findings = append(findings, lookAtPostgres(ctx, c, db)...)
	shared, err := server.SharedIDs(ctx, db, c)
	if err != nil {
		findings = append(findings, finding{about, false, err.Error()})
	}
	for _, id := range shared {
		findings = append(findings, finding{"clients[" + id + "]", false, "its id is a person's sub, too: give the client another id"})
	}
	unknown, err := db.UnknownClients(ctx, c.CountedElsewhere()...)
	if err != nil {
		findings = append(findings, finding{about, false, err.Error()})
	}
	for _, id := range unknown {
		findings = append(findings, finding{"metrics.by_client", false, fmt.Sprintf("no client has the id %q: nothing is counted for it", id)})
	}
	for _, u := range c.Upstreams {
		for theirs, ours := range u.Groups {
			findings = append(findings, lookAtGroup(ctx, db, u.ID, theirs, ours)...)
		}
	}
	return findings
}

// lookAtPostgres looks at what is around the database: its order, its connections, a pooler.
func lookAtPostgres(ctx context.Context, c config.Config, db *storage.DB) (findings []finding) {
	const about = "postgres"
	if !c.Storage.DSN.Postgres() {
		return nil
	}
	_, pool := db.Connections()
	dsn, err := addressOf(ctx, c)
	if err != nil {
		return []finding{{about, false, err.Error()}}
	}
	running, err := db.Replicas(ctx, time.Now())
	if err != nil {
		return []finding{{about, false, err.Error()}}
	}
	list, err := pgcheck.Look(ctx, dsn, pool, len(running))
	for _, r := range list {
		findings = append(findings, finding{about, r.OK, r.Text})
	}
	if err != nil {
		findings = append(findings, finding{about, false, "cannot be looked at: " + err.Error()})
	}
	return findings
}

// missingMasterKey is for a database that holds nothing yet: on Postgres serve makes no key, and does not start.
func missingMasterKey(c config.Config) []finding {
	if !c.Storage.DSN.Postgres() || !c.MasterKey.Empty() {
		return nil
	}
	return []finding{{"master key", false, "there is none, and `signet serve` does not start on Postgres without: set SIGNET_MASTER_KEY, " +
		"SIGNET_MASTER_KEY_FILE or SIGNET_MASTER_KEY_COMMAND; `signet key generate-master` makes one"}}
}

func lookAtGroup(ctx context.Context, db *storage.DB, upstream, theirs, ours string) []finding {
	exists, err := db.GroupExists(ctx, ours)
	switch {
	case err != nil:
		return []finding{{"upstreams[" + upstream + "].groups", false, err.Error()}}
	case !exists:
		return []finding{
			{"upstreams[" + upstream + "].groups", false,
				fmt.Sprintf("%s leads to the group %s, which is not there: `signet group create %s`", theirs, ours, ours)}}
	}
	return nil
}

// lookAtSchema reports as well whether this binary can use it as it is.
func lookAtSchema(ctx context.Context, c config.Config, db *storage.DB) (f finding, fits bool) {
	const about = "database"
	err := db.CheckSchema(ctx)
	switch {
	case err == nil:
		return finding{about, true, "answers, and its schema is of this version"}, true
	case errors.Is(err, storage.ErrSchemaAhead):
		return finding{about, true, "answers; " + err.Error()}, true
	case errors.Is(err, storage.ErrSchemaOlder) && c.Storage.Migrate == config.MigrateAuto:
		return finding{about, true, "will be migrated at the next start of `signet serve` (storage.migrate: auto): " + err.Error()}, false
	case errors.Is(err, storage.ErrSchemaOlder):
		return finding{about, false, fmt.Sprintf("`signet serve` will not start (storage.migrate: %s): %s", c.Storage.Migrate, err)}, false
	}
	return finding{about, false, err.Error()}, false
}

// lookForDamage looks whether somebody has taken away what the migrations made. A schema that is ahead is another release's to judge.
func lookForDamage(ctx context.Context, db *storage.DB) (findings []finding) {
	if db.CheckSchema(ctx) != nil {
		return nil
	}
	damage, err := db.SchemaDamage(ctx)
	if err != nil {
		damage = []string{err.Error()}
	}
	for _, text := range damage {
		findings = append(findings, finding{"schema", false, text})
	}
	return findings
}

// leastSpace is what a SQLite file should have left on its disk: a write-ahead log and an hour of sign-ins need less.
const leastSpace = 64 << 20

// tryWrite writes as a command would, and takes it away. A SQLite file may take a small write on a disk that is full, in the space that its
// log has already; so the disk is asked, too.
func tryWrite(ctx context.Context, c config.Config) finding {
	const about = "database"
	db, err := server.OpenDatabase(ctx, c, nil, server.ForActing)
	if err == nil {
		err = errors.Join(db.TryWrite(ctx), db.Close())
	}
	if err != nil {
		return finding{about, false, "takes no writes (look at free space, at the owner and mode of a SQLite file and its directory, " +
			"at the rights of the Postgres user, and whether the primary only reads): " + err.Error()}
	}
	if path := c.Storage.DSN.SQLitePath(); path != "" {
		if err := sqlitefile.Space(filepath.Dir(path), leastSpace); err != nil {
			return finding{about, false, "takes writes, but not for long: make space on its disk: " + err.Error()}
		}
	}
	return finding{about, true, "takes writes (one was tried and taken away)"}
}

// lookAtClock compares this machine's clock with the database's: codes and refresh tokens live by both.
func lookAtClock(ctx context.Context, db *storage.DB) finding {
	const about = "clock"
	skew, err := health.Skew(ctx, db.Clock)
	switch {
	case err != nil:
		return finding{about, false, "the database does not say what time it is: " + err.Error()}
	case skew.Abs() > health.SkewLimit:
		return finding{about, false,
			fmt.Sprintf("the database's clock is %s from this machine's; set both by NTP: honest apps are refused otherwise", skew)}
	}
	seen, held, err := db.ClockSeen(ctx)
	if err == nil {
		err = health.Leapt(seen, held, time.Now())
	}
	if err != nil {
		return finding{about, false, err.Error()}
	}
	return finding{about, true, fmt.Sprintf("within %s of the database's", health.SkewLimit)}
}
