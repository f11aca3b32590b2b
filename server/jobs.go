package server

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"signet/internal/janitor"
	"signet/server/health"
	"signet/storage/expired"
)

const (
	watchEvery  = time.Second        // how old what replicas cache may be
	grantLinger = time.Hour          // a grant stays this long after its last access token has died
	keptCounter = 10 * time.Minute   // for the operator who asks what happened
	keptWaiting = 10 * time.Minute   // a device that asks late is told that it is late
	keptChange  = time.Hour          // a replica that was cut off for longer reads all clients anew
	keptPast    = 24 * time.Hour     // an app's request, for the way back to the app
	keptSession = 7 * 24 * time.Hour // as above
	longestLife = time.Hour          // of an access token, whatever a client says (clients.Metadata)
	clockEvery  = 10 * time.Second   // when every replica compares its clock with the database's
	schemaEvery = time.Minute        // when every replica looks whether a newer one has migrated
	beatEvery   = 20 * time.Second   // when every replica notes that it runs
	replicaSeen = time.Minute        // how long it is taken to run without
	keyEvery    = 30 * time.Second   // when the key ring's timetable is looked at
	sweepEvery  = 5 * time.Minute    // when the expired are deleted
	eventsEvery = 24 * time.Hour     // when old audit events are
	placesEvery = time.Minute        // when every replica looks for a new geoip.file
	logosEvery  = time.Minute        // when clients are looked through for new logos
	logosRead   = 30 * time.Second   // when every replica reads which there are
)

// Work runs the jobs until ctx ends.
func (s *Server) Work(ctx context.Context) {
	h := s.services
	if h.offline {
		<-ctx.Done()
		return
	}
	var sending sync.WaitGroup
	sending.Go(func() { s.Deliver(ctx) })
	defer sending.Wait()
	j := janitor.New(janitor.Options{Locks: h.DB, Log: h.Log, Metrics: h.Metrics, Tracer: h.tracer,
		Fit: health.ClockFits(h.DB.Clock)})
	j.Run(ctx, s.Jobs()...)
}

// Deliver sends emails, logout tokens and webhooks until ctx ends.
func (s *Server) Deliver(ctx context.Context) {
	var sending sync.WaitGroup
	defer sending.Wait()
	if s.services.offline {
		return
	}
	if s.delivery != nil {
		sending.Go(func() { s.delivery.Run(ctx) })
	}
	sending.Go(func() { s.webhooks.Run(ctx) })
	s.logouts.Run(ctx)
}

// Jobs is the timetable. Janitor's locks see to it that a job runs on one replica at a time, but for those that every
// replica has to do for itself.
func (s *Server) Jobs() []janitor.Job {
	h := s.services
	clock := &health.ClockWatch{Clock: h.DB.Clock, Log: h.Log, Note: func(skew time.Duration) {
		h.Metrics.ClockSkew(skew)
		h.Audit.Correct(skew)
	}}
	jobs := []janitor.Job{
		{Name: "watch", Every: watchEvery, First: watchEvery, Alone: true, Run: s.Watch},
		{Name: "clock", Every: clockEvery, First: time.Second, Alone: true, Run: clock.Run},
		{Name: "schema", Every: schemaEvery, First: time.Second, Alone: true, Run: h.watchSchema},
		{Name: "replicas", Every: beatEvery, First: time.Second, Alone: true, Run: s.beat},
		{Name: "webhooks", Every: webhooksEvery, First: webhooksEvery, Alone: true, Run: h.Webhooks.Follow},
		{Name: "traces", Every: watchEvery, First: watchEvery, Alone: true, Run: h.Traces.Flush},
		{Name: "keys", Every: keyEvery, Alone: true, Run: h.tendKeys},
		{Name: "master-keys", Every: time.Minute, First: 5 * time.Second, Alone: true, Run: h.surveyMasterKeys},
		{Name: "erase-people", Every: sweepEvery, Run: h.unlessLeapt(func(ctx context.Context) error {
			_, err := h.Deletion.EraseDue(ctx)
			return err
		})},
		{Name: "ways-back", Every: sweepEvery, Run: h.unlessLeapt(func(ctx context.Context) error {
			_, err := h.Recovery.Due(ctx)
			return err
		})},
		{Name: "past-sign-ins", Every: sweepEvery, First: time.Minute, Run: h.unlessLeapt(s.visitors.TrimPast)},
		{Name: "unused-clients", Every: sweepEvery, First: time.Minute, Run: h.unlessLeapt(h.Registrations.Sweep)},
		{Name: "api-keys", Every: keysEndingEvery, First: time.Minute, Run: h.unlessLeapt(h.tellOfKeys)},
		{Name: "logos", Every: logosEvery, First: 10 * time.Second, Run: h.Logos.Tend},
		{Name: "logos-read", Every: logosRead, First: time.Second, Alone: true, Run: h.Logos.Refresh},
		{Name: "trim-grants", Every: sweepEvery,
			Run: h.unlessLeapt((&trimmer{store: h.DB, events: h.Audit, metrics: h.Metrics, limit: h.grantLimit, slice: trimSlice}).run)},
	}
	if h.places != nil {
		jobs = append(jobs, janitor.Job{Name: "geoip", Every: placesEvery, First: placesEvery, Alone: true, Run: h.lookForPlaces})
	}
	if h.Federation != nil {
		jobs = append(jobs, janitor.Job{Name: "upstream-uses", Every: clockEvery, First: clockEvery, Alone: true, Run: h.Federation.WriteUses})
	}
	if h.journal != nil {
		jobs = append(jobs, janitor.Job{Name: "journal", Every: journalEvery, First: journalEvery, Alone: true, Run: h.KeepJournal})
	}
	scheduled := h.Config.Backup.Scheduled() && h.Config.Storage.DSN.SQLitePath() != ""
	h.Metrics.BackupsScheduled(scheduled)
	if scheduled {
		jobs = append(jobs, janitor.Job{Name: "backup", Every: min(backupEvery, h.Config.Backup.Every), First: 20 * time.Second, Run: h.backUp})
	}
	if s.delivery != nil {
		jobs = append(jobs, janitor.Job{Name: "mail-survey", Every: time.Minute, Alone: true, Run: s.delivery.Survey})
	}
	jobs = append(jobs, h.auditJobs()...)
	for _, table := range h.DB.Expirables() {
		keep := h.keep(table)
		remove := func(ctx context.Context, before time.Time, limit int) (int64, error) {
			return h.DB.DeleteExpired(ctx, table, before, limit)
		}
		jobs = append(jobs, janitor.Job{Name: "expire-" + string(table), Every: sweepEvery, First: time.Minute,
			Run: h.deleteExpired(string(table), keep, remove)})
	}
	return jobs
}

// unlessLeapt keeps a job that deletes, or does what people have a time to stop, from running by a clock that leapt ahead.
func (h *Services) unlessLeapt(run func(ctx context.Context) error) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		if err := h.leap.Trusted(ctx); err != nil {
			return err
		}
		return run(ctx)
	}
}

// deleteExpired is janitor.DeleteExpired by a clock that is trusted before each batch: it may leap while they go on.
func (h *Services) deleteExpired(table string, keep time.Duration, remove func(ctx context.Context, before time.Time, limit int) (int64,
	error)) func(ctx context.Context) error {
	return janitor.DeleteExpired(h.Metrics, table, keep, func(ctx context.Context, before time.Time, limit int) (int64, error) {
		if err := h.leap.Trusted(ctx); err != nil {
			return 0, err
		}
		return remove(ctx, before, limit)
	})
}

// noteLoad notes what fills up under load.
func (h *Services) noteLoad() {
	h.Metrics.Connections(h.DB.Connections())
	h.Metrics.HashesWaiting(h.passwords.Waiting())
	if path := h.Config.Storage.DSN.SQLitePath(); path != "" {
		if log, err := os.Stat(path + "-wal"); err == nil {
			h.Metrics.WAL(log.Size())
		}
	}
}

// tendKeys does what the ring's timetable says is due, and notes the age of the keys that sign.
func (h *Services) tendKeys(ctx context.Context) error {
	now := time.Now()
	err := health.ClockFits(h.DB.Clock)(ctx) // the ring believes the clock that looks at it
	if err == nil {
		err = h.unlessLeapt(func(ctx context.Context) error { return h.Keys.Tick(ctx, now) })(ctx)
	}
	if err != nil {
		return err
	}
	list, err := h.Keys.List(ctx)
	for _, k := range list {
		if k.State == "active" {
			h.Metrics.KeyAge(k.Alg, now.Sub(k.MadeAt))
		}
	}
	return err
}

// keep is how long rows stay after they expired.
func (h *Services) keep(table expired.Table) time.Duration {
	switch table {
	case expired.Grants:
		return grantLinger + max(longestLife, h.Config.Tokens.AccessLifetime)
	case expired.Sessions:
		return keptSession
	case expired.Interactions:
		return keptPast
	case expired.Counters:
		return keptCounter
	case expired.Waiting:
		return keptWaiting
	case expired.ClientChanges:
		return keptChange
	case expired.Status:
		return grantLinger + max(longestLife, h.Config.Tokens.AccessLifetime)
	}
	return time.Minute
}

// Watch reads the versions row and drops what another replica or the command line has changed.
func (s *Server) Watch(ctx context.Context) error {
	h := s.services
	v, err := h.DB.Versions(ctx)
	h.Metrics.DatabaseUp(err == nil)
	h.noteLoad()
	if err != nil {
		return fmt.Errorf("read versions: %w", err)
	}
	old, exchanged := s.versions.Swap(&v), h.Clients.Exchanging()
	if err := h.Clients.Refresh(ctx, v); err != nil {
		s.versions.Store(old) // try again in a second
		return err
	}
	if err := h.Keys.Need(ctx, h.Clients.NeededKeys()...); err != nil {
		h.Log.Error("make a key that a client needs", "error", err) // again in a second
	}
	if old != nil && *old == v {
		return nil
	}
	if old == nil || old.Keys != v.Keys {
		if err := h.Keys.Refresh(ctx); err != nil {
			s.versions.Store(old)
			return err
		}
	}
	if old == nil || old.Resources != v.Resources || exchanged != h.Clients.Exchanging() {
		if err := s.discovery.Rebuild(); err != nil {
			return err
		}
	}
	if h.settingsVersion != v.Settings {
		s.versions.Store(old) // look again in a second, if it is not taken up
		return s.generations.takeUp(ctx, v.Settings)
	}
	return nil
}
