package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// noticed is how soon a replica says that it is not ready once the primary is gone, as docs/operations.md promises.
const noticed = 3 * time.Second

// errLate: a replica said for longer that it was ready.
var errLate = fmt.Errorf("a lost primary was not noticed within %s", noticed)

// pair is a primary and its synchronous standby: what is acknowledged is in both.
type pair struct {
	primary, standby *cluster
}

// newPair starts two clusters, the second as a copy of the first.
func newPair(ctx context.Context, dir string) (*pair, error) {
	primary, err := newCluster(ctx, dir+"-one")
	if err != nil {
		return &pair{}, err
	}
	p := &pair{primary: primary, standby: &cluster{bin: primary.bin, dir: dir + "-two", password: primary.password, who: primary.who}}
	if err := os.MkdirAll(p.standby.dir, 0o700); err != nil {
		return p, err
	}
	if p.standby.who != nil {
		if err := os.Chown(p.standby.dir, int(p.standby.who.Uid), int(p.standby.who.Gid)); err != nil {
			return p, err
		}
	}
	if _, p.standby.port, err = net.SplitHostPort(freeAddress()); err != nil {
		return p, err
	}
	return p, p.follow(ctx)
}

func (p *pair) stop() {
	p.primary.stop()
	p.standby.stop()
}

// dsn names both, the first one first, whichever is the primary.
func (p *pair) dsn() string {
	return p.primary.dsn("127.0.0.1:"+p.primary.port+",127.0.0.1:"+p.standby.port) + "&target_session_attrs=read-write&connect_timeout=2"
}

// follow makes the standby anew as a copy of the primary, and has the primary wait for it at each commit from then on.
func (p *pair) follow(ctx context.Context) error {
	data := filepath.Join(p.standby.dir, "data")
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	from := strings.Replace(p.primary.dsn("127.0.0.1:"+p.primary.port), "/postgres?", "/?", 1)
	server, err := filepath.EvalSymlinks(filepath.Join(p.standby.bin, "postgres")) // its other programs are beside it
	if err != nil {
		return err
	}
	program := filepath.Join(filepath.Dir(server), "pg_basebackup")
	copying := exec.CommandContext(ctx, program, "-D", data, "-d", from, "-R", "-X", "stream", "-c", "fast")
	copying.Dir, copying.SysProcAttr = p.standby.dir, &syscall.SysProcAttr{Credential: p.standby.who}
	if out, err := copying.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w\n%s", err, out)
	}
	settings, err := os.OpenFile(filepath.Join(data, "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = settings.WriteString("synchronous_standby_names = ''\n") // promoted it has none to wait for
	if err := errors.Join(err, settings.Close()); err != nil {
		return err
	}
	if err := p.standby.start(ctx); err != nil {
		return err
	}
	for _, change := range []string{"ALTER SYSTEM SET synchronous_commit = remote_apply", "ALTER SYSTEM SET synchronous_standby_names = '*'",
		"SELECT pg_reload_conf()"} {
		if err := p.primary.ask(ctx, change, nil); err != nil {
			return err
		}
	}
	return p.primary.until(ctx, "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')")
}

// swap promotes the standby; the killed one is the standby to be.
func (p *pair) swap(ctx context.Context) error {
	p.primary, p.standby = p.standby, p.primary
	var done bool
	err := p.primary.ask(ctx, "SELECT pg_promote(true, 30)", &done)
	if err == nil && !done {
		err = errors.New("the standby was not promoted")
	}
	return err
}

// ask runs one statement, as an operator.
func (c *cluster) ask(ctx context.Context, query string, answer *bool) error {
	pool, err := sql.Open("pgx", c.dsn("127.0.0.1:"+c.port))
	if err != nil {
		return err
	}
	defer pool.Close()
	if answer == nil {
		_, err = pool.ExecContext(ctx, query)
		return err
	}
	return pool.QueryRowContext(ctx, query).Scan(answer)
}

// until asks until the answer is yes.
func (c *cluster) until(ctx context.Context, query string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		var yes bool
		if err := c.ask(ctx, query, &yes); err != nil || yes {
			return err
		}
		pause(ctx, 20, 30)
	}
}

// unready waits until every replica says that it is not ready.
func (s *site) unready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for i := range s.procs {
		for {
			req, err := http.NewRequestWithContext(ctx, "GET", s.url(i)+"/readyz", nil)
			if err != nil {
				return err
			}
			res, err := s.http.RoundTrip(req)
			if err != nil {
				return fmt.Errorf("replica %d does not answer: %w", i, err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusOK {
				break
			}
			pause(ctx, 5, 10)
		}
	}
	return nil
}

// promote kills the primary, waits until that is noticed, promotes the standby, and makes a standby of what was killed when the replicas
// serve again.
func (c *campaign) promote(ctx context.Context, r *report) error {
	p, err := newPair(ctx, filepath.Join(c.dir, "promote-database"))
	defer p.stop()
	if err != nil {
		return err
	}
	s, err := newSite(filepath.Join(c.dir, "promote"), c.bin, p.dsn(), patient, 2)
	if err != nil {
		return err
	}
	var latest, again time.Duration
	err = c.under(ctx, s, r, func(ctx context.Context) error {
		p.primary.kill()
		began := time.Now()
		if err := s.unready(ctx); err != nil {
			return err
		}
		latest = max(latest, time.Since(began))
		if err := p.swap(ctx); err != nil {
			return err
		}
		took, err := s.allReady(ctx)
		if err != nil {
			return err
		}
		again = max(again, took)
		pause(ctx, 100, 300) // the load meets the new one alone
		return p.follow(ctx)
	})
	r.note = fmt.Sprintf("not ready after %s at most, ready %s after the promotion at most", latest.Round(time.Millisecond),
		again.Round(time.Millisecond))
	if err == nil && latest > noticed {
		err = fmt.Errorf("%w: %s", errLate, latest)
	}
	return err
}
