package telemetry

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the server's counters, with label values from closed lists only. Make one per server.
type Metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.HistogramVec
	inFlight  prometheus.Gauge
	refused   prometheus.Counter
	tokens    *prometheus.CounterVec
	signIns   *prometheus.CounterVec
	mails     *prometheus.CounterVec
	mailQueue *prometheus.GaugeVec
	logouts   *prometheus.CounterVec
	webhooks  *prometheus.CounterVec
	dbUp      prometheus.Gauge
	reuse     prometheus.Counter
	replay    prometheus.Counter
	surplus   prometheus.Counter
	proofs    *prometheus.CounterVec
	pushed    *prometheus.CounterVec
	devices   *prometheus.CounterVec
	asked     *prometheus.CounterVec
	asserted  *prometheus.CounterVec
	exchanged *prometheus.CounterVec
	pings     *prometheus.CounterVec
	pushes    *prometheus.CounterVec
	clients   *prometheus.CounterVec
	throttled *prometheus.CounterVec
	lists     *prometheus.CounterVec
	status    *prometheus.CounterVec
	janitor   *prometheus.CounterVec
	jobs      *prometheus.CounterVec
	keyAge    *prometheus.GaugeVec
	ahead     prometheus.Gauge
	master    *prometheus.GaugeVec
	skew      prometheus.Gauge
	loaded    prometheus.Gauge
	unloaded  prometheus.Gauge
	backups   *prometheus.GaugeVec
	verified  *prometheus.GaugeVec
	watched
	byClient byClient
}

// NewMetrics makes and registers them, with Go's and the process's own.
func NewMetrics() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "signet_" + name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "signet_" + name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	m.requests = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "signet_http_request_duration_seconds",
		Help:    "Time to answer a request, by route, method and class of status.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	}, []string{"pattern", "method", "status"})
	m.registry.MustRegister(m.requests, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.inFlight = gauge("http_requests_in_flight", "Requests being answered.").WithLabelValues()
	m.refused = counter("http_requests_refused_total", "Requests answered 503 because too many were in flight.").WithLabelValues()
	m.clients = counter("client_registrations_total", "Clients that applications registered (created), changed or deleted "+
		"themselves; evicted: deleted as nobody used it, to make place.", "act")
	m.tokens = counter("tokens_issued_total", "Token responses, by grant type.", "grant")
	m.mails = counter("mails_total", "Emails, by kind and outcome of a try.", "kind", "outcome")
	m.webhooks = counter("webhooks_sent_total", "Events to other systems, by outcome of a try.", "outcome")
	m.logouts = counter("logout_sent_total", "Logout tokens to apps, by outcome of a try.", "outcome")
	m.mailQueue = gauge("mails_queued", "Emails in the outbox: waiting, failed.", "state")
	m.signIns = counter("sign_ins_total", "Attempts to sign in, by method and outcome.", "method", "outcome")
	m.dbUp = gauge("database_up", "1 if the database answered the last check.").WithLabelValues()
	m.reuse = counter("refresh_reuse_total", "Refresh tokens presented again after the grace; each revoked its grant.").WithLabelValues()
	m.replay = counter("code_replay_total", "Authorization codes presented again; each revoked its grant.").WithLabelValues()
	m.proofs = counter("dpop_proofs_total", "DPoP proofs, by outcome: accepted, refused, nonce (told to use one), replayed.", "outcome")
	m.devices = counter("device_requests_total", "Requests of devices that a person decides on elsewhere, by what became of them: asked, "+
		"evicted (too many waited), approved, denied; unknown: a wrong code was typed.", "outcome")
	m.asked = counter("ciba_requests_total",
		"Requests of apps for the decision of somebody whom they name, by what became of them: asked, approved, denied.", "outcome")
	m.asserted = counter("assertions_total",
		"Assertions of trusted issuers (RFC 7523), by issuer and outcome: taken, refused, replayed; other: of an issuer that is not trusted.",
		"issuer", "outcome")
	m.exchanged = counter("token_exchanges_total", "Token exchanges, by the client that exchanged and the client whose token it was; an "+
		"operator's policy names both.", "client", "subject_client")
	m.pings = counter("ciba_pings_total", "Pings to apps that somebody decided, by outcome of a try.", "outcome")
	m.pushes = counter("ciba_pushes_total", "Tokens, or errors, that were sent to apps after a decision, by outcome of a try.", "outcome")
	m.pushed = counter("pushed_requests_total",
		"Pushed authorization requests, by what became of them: stored, evicted (too many waited), begun (a person signs in), used.", "outcome")
	m.status = counter("status_lists_total", "Status lists that were signed anew (made), and tries to read what was revoked that failed "+
		"(unavailable).", "outcome")
	m.surplus = counter("grants_surplus_total", "Grants ended because one person had too many at one app.").WithLabelValues()
	m.throttled = counter("throttled_total", "Attempts refused by a limit, by what was limited.", "what")
	m.lists = counter("breach_list_failures_total", "New passwords that a list of breached ones could not be asked about, by list.", "list")
	m.janitor = counter("janitor_rows_total", "Expired rows deleted, by table.", "table")
	m.jobs = counter("job_runs_total", "Background job runs, by job and outcome.", "job", "outcome")
	m.keyAge = gauge("signing_key_age_seconds", "Age of the active signing key, by algorithm.", "alg")
	m.master = gauge("master_key_values", "Values that need a master key other than the first, by its id.", "key")
	m.ahead = gauge("schema_ahead", "1 if a newer binary has migrated the database.").WithLabelValues()
	m.skew = gauge("clock_skew_seconds", "How far the database's clock is ahead of this machine's; negative: behind.").WithLabelValues()
	m.loaded = gauge("config_loaded_timestamp_seconds", "When the configuration in force was loaded.").WithLabelValues()
	m.loaded.SetToCurrentTime()
	m.unloaded = gauge("config_reload_failed",
		"1 if the configuration was to be loaded again, and the last time it could not be.").WithLabelValues()
	m.backups = gauge("backup_last_success_timestamp_seconds", "When the newest backup in the configured place was made; 0: no such is known.")
	m.verified = gauge("backup_last_verify_timestamp_seconds",
		"When `signet backup verify` last found a backup good; 0: it never did, as far as the database tells.")
	m.watch(counter, gauge)
	m.watchClients(counter)
	return m
}

// Handler serves the registry for Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Registry for further collectors.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Numbers are the counters and levels of Signet itself as they are now, by name and labels.
func (m *Metrics) Numbers() (map[string]float64, error) {
	families, err := m.registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("gather metrics: %w", err)
	}
	all := map[string]float64{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "signet_") {
			continue
		}
		for _, one := range f.GetMetric() {
			var name strings.Builder
			name.WriteString(f.GetName())
			for _, l := range one.GetLabel() {
				name.WriteString(" " + l.GetName() + "=" + l.GetValue())
			}
			switch {
			case one.GetCounter() != nil:
				all[name.String()] = one.GetCounter().GetValue()
			case one.GetGauge() != nil:
				all[name.String()] = one.GetGauge().GetValue()
			}
		}
	}
	return all, nil
}

// Route is where one route's requests are counted: its label handles are looked up once, not per request.
type Route struct {
	metrics         *Metrics
	pattern, method string
	classes         [6]atomic.Pointer[prometheus.Observer]
}

// Route resolves a mux pattern like "GET /userinfo".
func (m *Metrics) Route(pattern string) *Route {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		method, path = "any", pattern
	}
	return &Route{metrics: m, pattern: path, method: method}
}

var classNames = [6]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"}

func classOf(status int) int {
	if class := status / 100; class > 0 && class < len(classNames) {
		return class
	}
	return 0
}

// Observe counts one answer.
func (r *Route) Observe(status int, took time.Duration) {
	class := classOf(status)
	o := r.classes[class].Load()
	if o == nil {
		fresh := r.metrics.requests.WithLabelValues(r.pattern, r.method, classNames[class])
		o = &fresh
		r.classes[class].Store(o)
	}
	(*o).Observe(took.Seconds())
}

// RequestObserved counts one answer of a route that has no Route handle.
func (m *Metrics) RequestObserved(pattern string, status int, took time.Duration) {
	m.Route(pattern).Observe(status, took)
}

// InFlight tells how many requests are being answered.
func (m *Metrics) InFlight(n int64) { m.inFlight.Set(float64(n)) }

// RequestRefused counts a request beyond the in-flight cap.
func (m *Metrics) RequestRefused() { m.refused.Inc() }

// TokenIssued counts a token response; grant is the name of a grant type that there is.
func (m *Metrics) TokenIssued(grant string) {
	m.tokens.WithLabelValues(grant).Inc()
}

// SignIn counts an attempt; method: password, totp, recovery, passkey, code, confirm (who has no factor here confirms that it is them),
// upstream, with or without its id; outcome: success, failure, throttled, busy, unproven (an upstream did not prove it).
func (m *Metrics) SignIn(method, outcome string) {
	method, _, _ = strings.Cut(method, " ")
	m.signIns.WithLabelValues(
		oneOf(method, "password", "totp", "recovery", "passkey", "code", "confirm", "upstream"),
		oneOf(outcome, "success", "failure", "throttled", "busy", "unproven"),
	).Inc()
}

// Proof counts a DPoP proof; outcome: accepted, refused, nonce, replayed (after it was accepted).
func (m *Metrics) Proof(outcome string) {
	m.proofs.WithLabelValues(oneOf(outcome, "accepted", "refused", "nonce", "replayed")).Inc()
}

// Device counts a request of a device; outcome: asked, evicted, approved, denied, unknown (a wrong code was typed).
func (m *Metrics) Device(outcome string) {
	m.devices.WithLabelValues(oneOf(outcome, "asked", "evicted", "approved", "denied", "unknown")).Inc()
}

// Asserted counts an assertion. The issuer is one of the configuration, or "" where none of these was found to have signed it.
func (m *Metrics) Asserted(issuer, outcome string) {
	m.asserted.WithLabelValues(cmp.Or(issuer, "other"), oneOf(outcome, "taken", "refused", "replayed")).Inc()
}

// Exchanged counts a token exchange. An operator's policy lets the one client have tokens of the other.
func (m *Metrics) Exchanged(client, subjectClient string) {
	m.exchanged.WithLabelValues(client, subjectClient).Inc()
}

// Asked counts a request for somebody's decision; outcome: asked, approved, denied.
func (m *Metrics) Asked(outcome string) {
	m.asked.WithLabelValues(oneOf(outcome, "asked", "approved", "denied")).Inc()
}

// PingSent counts a try to tell an app that somebody decided; outcome is one of outbox.Outcomes.
func (m *Metrics) PingSent(outcome string) {
	m.pings.WithLabelValues(oneOf(outcome, "sent", "refused", "retried", "given_up", "moot")).Inc()
}

// TokensPushed counts a try to send an app its tokens; outcome is one of outbox.Outcomes.
func (m *Metrics) TokensPushed(outcome string) {
	m.pushes.WithLabelValues(oneOf(outcome, "sent", "refused", "retried", "given_up", "moot")).Inc()
}

// Pushed counts a pushed authorization request; outcome: stored, evicted, begun, used.
func (m *Metrics) Pushed(outcome string) {
	m.pushed.WithLabelValues(oneOf(outcome, "stored", "evicted", "begun", "used")).Inc()
}

// StatusList counts a status list that was signed; outcome: made, unavailable.
func (m *Metrics) StatusList(outcome string) {
	m.status.WithLabelValues(oneOf(outcome, "made", "unavailable")).Inc()
}

// DatabaseUp notes the last check of the database.
func (m *Metrics) DatabaseUp(up bool) { m.dbUp.Set(oneIf(up)) }

// ConfigLoaded notes that the configuration was loaded again, or could not be.
func (m *Metrics) ConfigLoaded(taken bool, at time.Time) {
	m.unloaded.Set(oneIf(!taken))
	if taken {
		m.loaded.Set(float64(at.Unix()))
	}
}

// BackupsScheduled notes whether the server is to make backups: then there is none, and none was found good, until the contrary is known.
func (m *Metrics) BackupsScheduled(yes bool) {
	for _, when := range []*prometheus.GaugeVec{m.backups, m.verified} {
		if yes {
			when.WithLabelValues() // what it says already stays
		} else {
			when.Reset()
		}
	}
}

// BackupMade notes when the newest backup was made; zero = there is none.
func (m *Metrics) BackupMade(at time.Time) {
	seconds := 0.0
	if !at.IsZero() {
		seconds = float64(at.Unix())
	}
	m.backups.WithLabelValues().Set(seconds)
}

// BackupVerified notes when a backup was last found good.
func (m *Metrics) BackupVerified(at time.Time) { m.verified.WithLabelValues().Set(float64(at.Unix())) }

// SchemaAhead notes whether a newer binary has migrated the database.
func (m *Metrics) SchemaAhead(ahead bool) { m.ahead.Set(oneIf(ahead)) }

// ClockSkew notes how far the database's clock is ahead of this machine's.
func (m *Metrics) ClockSkew(skew time.Duration) { m.skew.Set(skew.Seconds()) }

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// RefreshReuse counts a refresh token presented again after the grace.
func (m *Metrics) RefreshReuse() { m.reuse.Inc() }

// CodeReplay counts a code presented again.
func (m *Metrics) CodeReplay() { m.replay.Inc() }

// Throttled counts a refusal by a limit; what: signin, signup, client, interaction, password.
func (m *Metrics) Throttled(what string) {
	m.throttled.WithLabelValues(oneOf(what, "signin", "signup", "client", "interaction", "password")).Inc()
}

// SurplusGrants counts grants ended because one person had too many at one app.
func (m *Metrics) SurplusGrants(n int64) { m.surplus.Add(float64(n)) }

// JanitorDeleted counts expired rows; table is one of the Expirables of storage.
func (m *Metrics) JanitorDeleted(table string, rows int64) {
	m.janitor.WithLabelValues(table).Add(float64(rows))
}

// keyAlgs are the algorithms of package keys.
var keyAlgs = []string{"ES256", "RS256", "PS256", "ES384", "ES512", "EdDSA", "RSA-OAEP-256", "ECDH-ES", "refresh"}

// KeyAge notes how old the active key of an algorithm is.
func (m *Metrics) KeyAge(alg string, age time.Duration) {
	m.keyAge.WithLabelValues(oneOf(alg, keyAlgs...)).Set(age.Seconds())
}

// MasterKeyValues notes how many values need each master key other than the first, by its id. The ids come from the list of keys and
// from sealed values: there are a few of them.
func (m *Metrics) MasterKeyValues(counts map[string]int64) {
	m.master.Reset()
	for key, n := range counts {
		m.master.WithLabelValues(key).Set(float64(n))
	}
}

// oneOf keeps a label inside its closed list.
func oneOf(v string, list ...string) string {
	if slices.Contains(list, v) {
		return v
	}
	return "other"
}

// BreachListFailed counts a password that was taken unasked; list: file, range.
func (m *Metrics) BreachListFailed(list string) { m.lists.WithLabelValues(list).Inc() }

// MailSent counts a try at an email; outcome: sent, retried, failed.
func (m *Metrics) MailSent(kind, outcome string) { m.mails.WithLabelValues(kind, outcome).Inc() }

// LogoutSent counts a try at telling an app that a session ended; outcome is one of outbox.Outcomes.
func (m *Metrics) LogoutSent(outcome string) { m.logouts.WithLabelValues(outcome).Inc() }

// WebhookSent counts a try at telling another system of an event; outcome is one of outbox.Outcomes.
func (m *Metrics) WebhookSent(outcome string) { m.webhooks.WithLabelValues(outcome).Inc() }

// MailWaiting notes how many emails are in the outbox, and since when the oldest of those that wait is; zero = none waits.
func (m *Metrics) MailWaiting(waiting, failed int, oldest time.Time) {
	age := time.Duration(0)
	if !oldest.IsZero() {
		age = time.Since(oldest)
	}
	m.oldest.WithLabelValues().Set(age.Seconds())
	m.mailQueue.WithLabelValues("waiting").Set(float64(waiting))
	m.mailQueue.WithLabelValues("failed").Set(float64(failed))
}

// Registered counts a client that its application registered, changed or deleted: "created", "changed", "deleted".
func (m *Metrics) Registered(act string) { m.clients.WithLabelValues(act).Inc() }
