package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/audit/feed"
	"signet/audit/seals"
	"signet/internal/janitor"
	"signet/internal/seal"
)

const (
	sealEvery = time.Minute
	fileEvery = 5 * time.Second

	horizonEvery = 30 * time.Second // when every replica looks how far the readers of the log are
)

// openSeals builds what shows that audit events were changed.
func (h *Services) openSeals() (*seals.Keeper, error) {
	return seals.New(seals.Options{Store: h.DB, Retention: h.DB, Salts: h.DB, Sealer: sealer{h.Master, h}, Place: seal.Place, Log: h.Log,
		Now: h.Audit.Now})
}

// KeepEvents is how long audit events of a class are kept; 0 = forever.
func (h *Services) KeepEvents(c seals.Class) time.Duration {
	if c == seals.SignIns {
		return h.Config.KeepSignIns()
	}
	return h.Config.Audit.Retention
}

// auditJobs seal the audit log, delete what is too old and write audit.file.
func (h *Services) auditJobs() []janitor.Job {
	jobs := []janitor.Job{{Name: "seal-events", Every: sealEvery, Run: h.Seals.Seal}}
	for _, class := range []seals.Class{seals.SignIns, seals.Others} {
		keep := h.KeepEvents(class)
		if keep == 0 {
			continue
		}
		remove := func(ctx context.Context, before time.Time, limit int) (int64, error) {
			return h.Seals.Retain(ctx, class, before, limit)
		}
		jobs = append(jobs, janitor.Job{Name: "expire-events-" + string(class), Every: eventsEvery, First: 2 * time.Minute,
			Run: h.deleteExpired("events", keep, remove)})
	}
	if path := h.Config.Audit.File; path != "" {
		file := feed.File{Path: path, Format: feed.Format(h.Config.Audit.FileFormat)}
		follower := h.fileFollower()
		follower.Take = file.Take
		jobs = append(jobs, janitor.Job{Name: "audit-file", Every: fileEvery, Run: follower.Run})
	}
	return append(jobs, janitor.Job{Name: "audit-horizon", Every: horizonEvery, First: fileEvery, Alone: true, Run: h.noteHorizon})
}

// fileFollower reads the log for audit.file.
func (h *Services) fileFollower() feed.Follower {
	return feed.Follower{Store: h.DB, Name: "file", Now: h.Audit.Now}
}

// noteHorizon notes how old the oldest event is that each reader of the audit log has not taken yet: a disk that is full, or a seal that
// was changed, is seen by it. Every replica looks for itself, whichever does the work.
func (h *Services) noteHorizon(ctx context.Context) error {
	readers := map[string]func(ctx context.Context) (time.Time, error){"seals": h.Seals.Oldest, "webhooks": h.Webhooks.Oldest}
	if h.Config.Audit.File != "" {
		readers["file"] = h.fileFollower().Oldest
	}
	var errs []error
	ages := map[string]time.Duration{}
	for reader, look := range readers {
		oldest, err := look(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", reader, err))
			continue
		}
		ages[reader] = 0
		if !oldest.IsZero() {
			ages[reader] = max(0, h.Audit.Now().Sub(oldest))
		}
	}
	h.Metrics.EventsHorizon(ages)
	return errors.Join(errs...)
}
