package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"signet/internal/earlier"
)

// mailing has invitations written into a folder, by a job of whichever release comes first.
const mailing = patient + `
mail: {sender: file, from: "Signet <signet@id.example.com>", directory: %q}`

// errFaults: a replica wrote errors to its log though nothing was done to its database.
var errFaults = errors.New("errors in the log")

// previous builds the release before this one, once.
func (c *campaign) previous(ctx context.Context) (string, error) {
	dir := filepath.Join(c.dir, "previous")
	if bin := filepath.Join(dir, "signet-of-then"); isFile(bin) {
		return bin, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	bin, err := earlier.Build(ctx, earlier.Previous, dir)
	if errors.Is(err, earlier.ErrNoHistory) {
		err = fmt.Errorf("%w: %w", errSkipped, err)
	}
	return bin, err
}

// releasesPostgres upgrades databases of the previous release while they are used: this release begins beside it and migrates, both serve
// one list of addresses, each is killed and comes back, this one goes for a while and the previous one serves alone, on the newer schema.
func (c *campaign) releasesPostgres(ctx context.Context, r *report) error {
	older, err := c.previous(ctx)
	if err != nil {
		return err
	}
	db, err := newCluster(ctx, filepath.Join(c.dir, "releases-database"))
	defer db.stop()
	if err != nil {
		return err
	}
	const rounds = 6 // of each upgrade
	upgrades := (c.rounds + rounds - 1) / rounds
	for n := range upgrades {
		part := *c
		part.rounds = min(rounds, c.rounds-n*rounds)
		if err := part.upgrade(ctx, r, db, older, fmt.Sprintf("upgrade%d", n)); err != nil {
			return err
		}
	}
	r.note = fmt.Sprintf("%d upgrades of %q under load", upgrades, earlier.Previous)
	return nil
}

func (c *campaign) upgrade(ctx context.Context, r *report, db *cluster, older, name string) error {
	dsn, err := db.create(ctx, name)
	if err != nil {
		return err
	}
	dir := filepath.Join(c.dir, name)
	s, err := newSite(dir, c.bin, dsn, fmt.Sprintf(mailing, filepath.Join(dir, "mail")), 2)
	if err != nil {
		return err
	}
	const then, now = 0, 1
	s.bins[then], s.mails = older, true
	s.out[now].Store(true)
	round := 0
	return errors.Join(c.under(ctx, s, r, func(ctx context.Context) error {
		defer func() { round++ }()
		switch round {
		case 0: // it migrates beside the other
			if _, err := s.start(ctx, now); err != nil {
				return err
			}
			s.out[now].Store(false)
		case 1:
			s.kill(then)
			pause(ctx, 100, 500)
			if _, err := s.start(ctx, then); err != nil {
				return err
			}
		case 2:
			s.kill(now)
			pause(ctx, 100, 500)
			if _, err := s.start(ctx, now); err != nil {
				return err
			}
		case 3: // back to the previous release, without a step back of the schema
			s.out[now].Store(true)
			if err := s.interrupt(now); err != nil {
				return err
			}
		case 4:
			if _, err := s.start(ctx, now); err != nil {
				return err
			}
			s.out[now].Store(false)
		case 5: // done: this release alone
			s.out[then].Store(true)
			if err := s.interrupt(then); err != nil {
				return err
			}
		}
		pause(ctx, 1500, 3000)
		return nil
	}), s.faults())
}

// releasesSQLite upgrades a database of the previous release, goes back to it on the newer schema, and on again, as often as there are
// rounds.
func (c *campaign) releasesSQLite(ctx context.Context, r *report) error {
	older, err := c.previous(ctx)
	if err != nil {
		return err
	}
	dir := filepath.Join(c.dir, "releases-sqlite")
	s, err := newSite(dir, older, "", fmt.Sprintf(mailing, filepath.Join(dir, "mail")), 1)
	if err != nil {
		return err
	}
	s.mails = true
	turn := 0
	return errors.Join(c.under(ctx, s, r, func(ctx context.Context) error {
		if turn++; turn%3 == 0 {
			s.kill(0)
		} else if err := s.interrupt(0); err != nil {
			return err
		}
		s.mu.Lock()
		s.bins[0] = []string{older, c.bin}[turn%2]
		s.mu.Unlock()
		_, err := s.start(ctx, 0)
		pause(ctx, 500, 1500)
		return err
	}), s.faults())
}

// releasesMoved has everything moved to another database, again and again, while both releases write: what was acknowledged arrives.
func (c *campaign) releasesMoved(ctx context.Context, r *report) error {
	older, err := c.previous(ctx)
	if err != nil {
		return err
	}
	db, err := newCluster(ctx, filepath.Join(c.dir, "moved-database"))
	defer db.stop()
	if err != nil {
		return err
	}
	dsn, err := db.create(ctx, "place0")
	if err != nil {
		return err
	}
	dir := filepath.Join(c.dir, "moved")
	s, err := newSite(dir, c.bin, dsn, fmt.Sprintf(mailing, filepath.Join(dir, "mail")), 2)
	if err != nil {
		return err
	}
	s.bins[0], s.mails = older, true
	s.out[1].Store(true)
	round := 0
	return c.under(ctx, s, r, func(ctx context.Context) error {
		if round++; round == 1 { // it migrates
			if _, err := s.start(ctx, 1); err != nil {
				return err
			}
			s.out[1].Store(false)
		}
		pause(ctx, 500, 1500)
		next, err := db.create(ctx, fmt.Sprintf("place%d", round))
		if err != nil {
			return err
		}
		if err := s.cliOf(ctx, c.bin, nil, "move", "--to", next); err != nil {
			return err
		}
		for i := range s.procs {
			s.kill(i)
		}
		text, err := os.ReadFile(s.config)
		if err != nil {
			return err
		}
		changed := strings.Replace(string(text), strconv.Quote(s.dsn), strconv.Quote(next), 1)
		s.dsn = next
		return os.WriteFile(s.config, []byte(changed), 0o600)
	})
}

// interrupt asks a replica to end, and waits.
func (s *site) interrupt(i int) error {
	p := s.procs[i]
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		return fmt.Errorf("replica %d does not end", i)
	}
	s.procs[i] = nil
	if !p.cmd.ProcessState.Success() {
		return fmt.Errorf("replica %d ended with %s", i, p.cmd.ProcessState)
	}
	return nil
}

// faults is an error if a log has one.
func (s *site) faults() error {
	var found error
	for i := range s.procs {
		text, err := os.ReadFile(filepath.Join(s.dir, fmt.Sprintf("replica%d.log", i)))
		if err != nil {
			return err
		}
		for line := range bytes.Lines(text) {
			if bytes.Contains(line, []byte("level=ERROR")) || bytes.Contains(line, []byte(`"level":"ERROR"`)) {
				found = errors.Join(found, fmt.Errorf("%w of replica %d: %s", errFaults, i, bytes.TrimSpace(line)))
			}
		}
	}
	return found
}

// create makes a database in the cluster.
func (c *cluster) create(ctx context.Context, name string) (dsn string, err error) {
	whole := c.dsn("127.0.0.1:" + c.port)
	pool, err := sql.Open("pgx", whole)
	if err != nil {
		return "", err
	}
	if _, err = pool.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return "", errors.Join(err, pool.Close())
	}
	u, err := url.Parse(whole)
	if err != nil {
		return "", errors.Join(err, pool.Close())
	}
	u.Path = "/" + name
	return u.String(), pool.Close()
}

// invite has an invitation mailed.
func (l *load) invite(ctx context.Context, email string) {
	if l.cli(ctx, nil, "invitation", "create", "--email", email, "--mail") == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.invited = append(l.invited, email)
	}
}

// settleMails looks for the mail to each person whose invitation was acknowledged.
func (l *load) settleMails(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	missing := map[string]bool{}
	for _, email := range l.invited {
		l.checked("mail")
		missing[email] = true
	}
	l.invited = nil
	read := map[string]bool{}
	for until := time.Now().Add(time.Minute); len(missing) > 0 && time.Now().Before(until) && ctx.Err() == nil; {
		files, err := filepath.Glob(filepath.Join(l.dir, "mail", "*.eml"))
		if err != nil {
			return err
		}
		for _, file := range slices.DeleteFunc(files, func(f string) bool { return read[f] }) {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			for email := range maps.Keys(missing) {
				if strings.Contains(string(text), email) {
					delete(missing, email)
					read[file] = true
				}
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	for email := range missing {
		l.losing("the mail to %s", email)
	}
	return nil
}
