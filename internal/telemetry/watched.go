package telemetry

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// watched are what an operator's dashboard and alerts look at (deploy/grafana, deploy/prometheus).
type watched struct {
	build, schema, succeeded, every, pool, wal, oldest, expiry, hashes, horizon, replicas *prometheus.GaugeVec

	refusals, retries         *prometheus.CounterVec
	took                      *prometheus.HistogramVec
	read, write, transactions prometheus.Observer
}

// watch makes and registers them.
func (m *Metrics) watch(counter func(name, help string, labels ...string) *prometheus.CounterVec,
	gauge func(name, help string, labels ...string) *prometheus.GaugeVec) {
	m.build = gauge("build_info", "1; the release, and the Go that it was built with, are its labels.", "version", "go")
	m.schema = gauge("schema_version", "Version of the database's schema.")
	m.succeeded = gauge("job_last_success_timestamp_seconds", "When a background job last succeeded on this replica.", "job")
	m.every = gauge("job_every_seconds", "How long a background job of this replica rests between two runs.", "job")
	m.pool = gauge("db_connections", "Connections to the database for statements, by state: used, most.", "state")
	m.wal = gauge("sqlite_wal_bytes", "Size of SQLite's write-ahead log.")
	m.refusals = counter("oauth_errors_total", "Error answers of the protocol, by route and code.", "pattern", "code")
	m.oldest = gauge("mail_oldest_seconds", "Age of the oldest email that waits to be sent.")
	m.expiry = gauge("tls_certificate_expiry_timestamp_seconds", "When the certificate of a listener expires.", "listener")
	m.hashes = gauge("bcrypt_queue", "Who waits for the turn to have a password hashed.")
	m.took = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "signet_job_duration_seconds",
		Help: "How long a background job ran.", Buckets: []float64{.01, .1, 1, 10, 60, 300}}, []string{"job"})
	statements := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "signet_db_statement_duration_seconds",
		Help: "Time of a statement of the database, its wait for a connection included, by kind: read, write; transaction: a whole one, " +
			"from its beginning to the end of its commit.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}}, []string{"kind"})
	m.registry.MustRegister(m.took, statements)
	m.read, m.write = statements.WithLabelValues("read"), statements.WithLabelValues("write")
	m.transactions = statements.WithLabelValues("transaction")
	m.retries = counter("db_retries_total", "Statements and transactions that were done again, as Postgres asks, by its SQLSTATE: 40001 "+
		"(serialization), 40P01 (deadlock), 25006 (it only reads now); connection: one was found dead before anything was sent.", "code")
	m.horizon = gauge("events_horizon_seconds", "Age of the oldest audit event that a reader of the log has not taken yet, by reader: seals, "+
		"webhooks, file; 0: none waits. They stay 15 seconds, seals a minute, behind on purpose.", "reader")
	m.replicas = gauge("replicas", "Replicas that have told the database within a minute that they run.")
}

// Build notes the release that runs.
func (m *Metrics) Build(version string) { m.build.WithLabelValues(version, runtime.Version()).Set(1) }

// SchemaVersion notes the version of the database's schema.
func (m *Metrics) SchemaVersion(version int64) { m.schema.WithLabelValues().Set(float64(version)) }

// JobsPlanned notes all background jobs, by how long each rests between two runs.
func (m *Metrics) JobsPlanned(every map[string]time.Duration) {
	m.every.Reset()
	for job, rest := range every {
		m.every.WithLabelValues(job).Set(rest.Seconds())
	}
}

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

// Statement notes how long a statement or transaction of the database took; kind: read, write, transaction.
func (m *Metrics) Statement(kind string, took time.Duration) {
	switch kind {
	case "read":
		m.read.Observe(took.Seconds())
	case "write":
		m.write.Observe(took.Seconds())
	default:
		m.transactions.Observe(took.Seconds())
	}
}

// Retried counts what was done again; code: an SQLSTATE, or connection.
func (m *Metrics) Retried(code string) {
	m.retries.WithLabelValues(oneOf(code, "40001", "40P01", "25006", "connection")).Inc()
}

// EventsHorizon notes how old the oldest event is that each reader of the audit log has not taken yet: seals, webhooks, file.
func (m *Metrics) EventsHorizon(ages map[string]time.Duration) {
	m.horizon.Reset()
	for reader, age := range ages {
		m.horizon.WithLabelValues(oneOf(reader, "seals", "webhooks", "file")).Set(age.Seconds())
	}
}

// Replicas notes how many run.
func (m *Metrics) Replicas(n int) { m.replicas.WithLabelValues().Set(float64(n)) }
