package telemetry

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// watched are what an operator's dashboard and alerts look at (deploy/grafana, deploy/prometheus).
type watched struct {
	build, schema, succeeded, pool, wal, oldest, expiry, hashes *prometheus.GaugeVec
	refusals                                                    *prometheus.CounterVec
	took                                                        *prometheus.HistogramVec
}

// Build notes the release that runs.
func (m *Metrics) Build(version string) { m.build.WithLabelValues(version, runtime.Version()).Set(1) }

// SchemaVersion notes the version of the database's schema.
func (m *Metrics) SchemaVersion(version int64) { m.schema.WithLabelValues().Set(float64(version)) }

// JobRan counts a background job's run; outcome: success, failure.
func (m *Metrics) JobRan(job, outcome string, took time.Duration) {
	m.jobs.WithLabelValues(job, oneOf(outcome, "success", "failure")).Inc()
	m.took.WithLabelValues(job).Observe(took.Seconds())
	if outcome == "success" {
		m.succeeded.WithLabelValues(job).SetToCurrentTime()
	}
}

// Connections notes how many connections to the database are in use, and how many there may be.
func (m *Metrics) Connections(used, most int) {
	m.pool.WithLabelValues("used").Set(float64(used))
	m.pool.WithLabelValues("most").Set(float64(most))
}

// WAL notes the size of SQLite's write-ahead log, in bytes.
func (m *Metrics) WAL(size int64) { m.wal.WithLabelValues().Set(float64(size)) }

// Refused counts an error of the protocol; the code is one of ours or of fosite, never a caller's text.
func (m *Metrics) Refused(pattern, code string) { m.refusals.WithLabelValues(pattern, code).Inc() }

// CertificateExpires notes until when a listener's certificate is good; listener: public, mtls.
func (m *Metrics) CertificateExpires(listener string, at time.Time) {
	m.expiry.WithLabelValues(oneOf(listener, "public", "mtls")).Set(float64(at.Unix()))
}

// HashesWaiting notes how many wait for the turn to have a password hashed.
func (m *Metrics) HashesWaiting(n int) { m.hashes.WithLabelValues().Set(float64(n)) }
