package server

import (
	"context"
	"time"

	"signet/audit/feed"
	"signet/audit/seals"
	"signet/internal/janitor"
	"signet/internal/seal"
)

const (
	sealEvery = time.Minute
	fileEvery = 5 * time.Second
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
			Run: janitor.DeleteExpired(h.Metrics, "events", keep, remove)})
	}
	if path := h.Config.Audit.File; path != "" {
		file := feed.File{Path: path, Format: feed.Format(h.Config.Audit.FileFormat)}
		jobs = append(jobs, janitor.Job{Name: "audit-file", Every: fileEvery,
			Run: feed.Follower{Store: h.DB, Name: "file", Now: h.Audit.Now, Take: file.Take}.Run})
	}
	return jobs
}
