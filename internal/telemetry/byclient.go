package telemetry

import (
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// byClient counts what a few clients do, which an operator names: with all of them there would be no end of series.
type byClient struct {
	named                    atomic.Pointer[[]string]
	requests, tokens, errors *prometheus.CounterVec
}

func (m *Metrics) watchClients(counter func(name, help string, labels ...string) *prometheus.CounterVec) {
	m.byClient.requests = counter("client_requests_total",
		"Requests of the clients in metrics.by_client, by client, route and class of status.", "client", "pattern", "status")
	m.byClient.tokens = counter("client_tokens_issued_total",
		"Token responses to the clients in metrics.by_client, by client and grant type.", "client", "grant")
	m.byClient.errors = counter("client_errors_total",
		"Error answers of the protocol to the clients in metrics.by_client, by client and code.", "client", "code")
}

// ByClient names the clients whose requests are counted by client from now on. Counts of others end.
func (m *Metrics) ByClient(ids []string) {
	old := m.byClient.named.Load()
	if len(ids) == 0 {
		m.byClient.named.Store(nil)
	} else {
		ids = slices.Clone(ids)
		m.byClient.named.Store(&ids)
	}
	if old == nil {
		return
	}
	for _, id := range *old {
		if !slices.Contains(ids, id) {
			gone := prometheus.Labels{"client": id}
			m.byClient.requests.DeletePartialMatch(gone)
			m.byClient.tokens.DeletePartialMatch(gone)
			m.byClient.errors.DeletePartialMatch(gone)
		}
	}
}

// RequestOf counts an answer to a client's request, if the client is one of ByClient: what its line in the log says of the client and the
// grant type, and the code of the protocol's error, if it was one.
func (m *Metrics) RequestOf(e *Event, pattern string, status int, code string) {
	named := m.byClient.named.Load()
	if named == nil {
		return
	}
	client := e.Text("client_id")
	if client == "" || !slices.Contains(*named, client) {
		return
	}
	m.byClient.requests.WithLabelValues(client, pattern, classNames[classOf(status)]).Inc()
	if code != "" {
		m.byClient.errors.WithLabelValues(client, code).Inc()
	}
	if grant := e.Text("grant_type"); grant != "" && status < 300 {
		m.byClient.tokens.WithLabelValues(client, grant).Inc()
	}
}
