package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"signet/audit"
	"signet/config"
	"signet/internal/release"
)

// fixed are the settings that a running server keeps: what they name is open, or people and apps hold on to it. One that ends with a dot
// is all beneath it.
var fixed = []string{
	"server.listen", "server.internal_listen", "server.issuer", "server.tls.", "server.mtls.", "server.shutdown_grace", "storage.",
	"passkeys.rp_id", "log.format", config.MasterKeyName,
}

// ErrFixed: what was changed is taken up by a restart only.
var ErrFixed = errors.New("is taken up by a restart only; nothing was changed")

// generations are the servers that one process is, one after another: the one that answers now, and those that still finish requests.
type generations struct {
	turn    sync.Mutex // one reload at a time
	current atomic.Pointer[Server]
	changed chan struct{} // the jobs are to be those of the current one
	ended   chan struct{} // closed when the process stops
	leaving sync.WaitGroup
	left    atomic.Int64 // how many of those there are
	again   time.Time    // settings of the database are not taken up before, after they could not be
	took    time.Time    // when they were taken up last
	replica string       // what the database knows the process by
}

func newGenerations(first *Server) *generations {
	g := &generations{changed: make(chan struct{}, 1), ended: make(chan struct{}), replica: rand.Text()}
	g.take(first)
	return g
}

// take has a server answer from now on.
func (g *generations) take(s *Server) {
	g.current.Store(s)
	s.services.Metrics.ByClient(s.services.Config.Metrics.ByClient)
}

// Reload takes up a valid configuration while requests are answered: everything but the database, the listeners and the metrics is built
// anew, and the next request goes there. Requests in hand end where they began; jobs are stopped and started. After an error all is as it
// was: ErrFixed with the keys, if a restart is needed. It returns the keys that changed.
func (s *Server) Reload(ctx context.Context, c config.Config) (changed []string, err error) {
	c = c.Written()
	g := s.generations
	g.turn.Lock()
	defer g.turn.Unlock()
	defer func() { s.services.Metrics.ConfigLoaded(err == nil, time.Now()) }()
	old := g.current.Load()
	changed = c.Changed(old.services.file)
	for _, key := range s.certificates { // files may be new although their names are not
		key.look()
	}
	if err := old.services.lookForPlaces(ctx); err != nil {
		old.services.Log.ErrorContext(ctx, "geoip.file not taken up; the one before is used on", "error", err)
	}
	if err := refuseFixed(changed); err != nil || len(changed) == 0 {
		return nil, err
	}
	if err := g.follow(ctx, old, c, changed); err != nil {
		return nil, err
	}
	return changed, nil
}

// follow has another server follow one. changed is what is written down of it; nil: nothing.
func (g *generations) follow(ctx context.Context, old *Server, c config.Config, changed []string) error {
	h, err := Open(ctx, Options{Config: c, Log: old.services.Log, BcryptCost: old.services.bcryptCost, Tracer: old.services.tracer,
		beside: old.services})
	if err != nil {
		return err
	}
	next, err := New(h)
	if err == nil && len(changed) > 0 {
		ctx := audit.WithOrigin(ctx, audit.Origin{Actor: "system"})
		err = h.Audit.Record(ctx, audit.Event{Name: audit.ConfigLoaded, Detail: map[string]any{"changed": changed}})
	}
	if err != nil {
		return errors.Join(err, h.Close())
	}
	next.generations = g
	g.take(next)
	select {
	case g.changed <- struct{}{}:
	default:
	}
	g.left.Add(1)
	g.leaving.Go(func() {
		defer g.left.Add(-1)
		old.leave(g.ended)
	})
	return nil
}

// refuseFixed names every key that a running server keeps.
func refuseFixed(changed []string) error {
	var errs []error
	for _, key := range changed {
		for _, f := range fixed {
			if key == f || strings.HasSuffix(f, ".") && strings.HasPrefix(key, f) {
				errs = append(errs, fmt.Errorf("%s: %w", key, ErrFixed))
			}
		}
	}
	return errors.Join(errs...)
}

// leave waits until a server that another has followed has no requests left, and for what it writes beside them.
func (s *Server) leave(ended <-chan struct{}) {
	timer := time.NewTimer(s.services.Config.Server.ShutdownGrace)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ended:
	}
	s.services.release()
}

// workOn runs the jobs of the current server until ctx ends.
func (s *Server) workOn(ctx context.Context) {
	for ctx.Err() == nil {
		one, stop := context.WithCancel(ctx)
		var jobs sync.WaitGroup
		jobs.Go(func() { s.generations.current.Load().Work(one) })
		select {
		case <-ctx.Done():
		case <-s.generations.changed:
		}
		stop()
		jobs.Wait()
	}
	s.endReplica()
}

// beat notes that this process runs, and how many there are.
func (s *Server) beat(ctx context.Context) error {
	h, now := s.services, time.Now()
	err := h.DB.Beat(ctx, s.generations.replica, release.Version(), now.Add(replicaSeen))
	if err != nil {
		return fmt.Errorf("note that this replica runs: %w", err)
	}
	releases, err := h.DB.Replicas(ctx, now)
	if err != nil {
		return fmt.Errorf("read which replicas run: %w", err)
	}
	h.Metrics.Replicas(len(releases))
	return nil
}

// endReplica notes that this process stops. If that fails the others find out by themselves.
func (s *Server) endReplica() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.services.DB.EndReplica(ctx, s.generations.replica); err != nil {
		s.services.Log.WarnContext(ctx, "that this replica stops is not written down", "error", err)
	}
}

// end waits for the servers that were followed by others; requests have ended.
func (g *generations) end() {
	close(g.ended)
	g.leaving.Wait()
	g.current.Load().services.release()
}
