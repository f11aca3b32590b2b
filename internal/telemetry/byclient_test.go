package telemetry

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

func eventOf(client, grant string) *Event {
	e := &Event{}
	if client != "" {
		e.put(slog.String("client_id", client))
	}
	if grant != "" {
		e.put(slog.String("grant_type", grant))
	}
	return e
}

func ofClients(t *testing.T, m *Metrics) map[string]float64 {
	t.Helper()
	all, err := m.Numbers()
	if err != nil {
		t.Fatal(err)
	}
	for name := range all {
		if !strings.HasPrefix(name, "signet_client_") {
			delete(all, name)
		}
	}
	return all
}

// TestOnlyNamedClientsHaveSeries: nobody else's id becomes a label, and what a stranger wrote none at all.
func TestOnlyNamedClientsHaveSeries(t *testing.T) {
	t.Parallel()
	m := NewMetrics()
	m.RequestOf(eventOf("shop", "refresh_token"), "/oauth2/token", 200, "")
	if got := ofClients(t, m); len(got) > 0 {
		t.Errorf("nobody is named: %v", got)
	}
	m.ByClient([]string{"shop", "zoo"})
	m.RequestOf(eventOf("shop", "refresh_token"), "/oauth2/token", 200, "")
	m.RequestOf(eventOf("shop", "typed by the client"), "/oauth2/token", 400, "unsupported_grant_type")
	m.RequestOf(eventOf("zoo", ""), "/userinfo", 200, "")
	m.RequestOf(eventOf("other", "refresh_token"), "/oauth2/token", 200, "")
	m.RequestOf(eventOf("", ""), "/oauth2/token", 400, "invalid_request")
	stranger := &Event{}
	stranger.put(Sent("client_id", "shop"))
	m.RequestOf(stranger, "/oauth2/token", 401, "invalid_client")
	got := ofClients(t, m)
	want := []string{
		"signet_client_requests_total client=shop pattern=/oauth2/token status=2xx",
		"signet_client_requests_total client=shop pattern=/oauth2/token status=4xx",
		"signet_client_requests_total client=zoo pattern=/userinfo status=2xx",
		"signet_client_tokens_issued_total client=shop grant=refresh_token",
		"signet_client_errors_total client=shop code=unsupported_grant_type",
	}
	for _, name := range want {
		if got[name] != 1 {
			t.Errorf("%s is %v", name, got[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
	m.ByClient([]string{"zoo"})
	if got := ofClients(t, m); len(got) != 1 {
		t.Errorf("who is named no longer has series: %v", got)
	}
	m.ByClient(nil)
	if got := ofClients(t, m); len(got) > 0 {
		t.Errorf("nobody is named any more: %v", got)
	}
}

// TestWhatIsCountedByRequestAllocatesNothing: neither a statement nor a request of a client, counted by client or not.
func TestWhatIsCountedByRequestAllocatesNothing(t *testing.T) {
	m := NewMetrics()
	e := eventOf("shop", "refresh_token")
	for name, act := range map[string]func(){
		"statement": func() {
			m.Statement("read", time.Millisecond)
			m.Statement("write", time.Millisecond)
			m.Statement("transaction", time.Millisecond)
		},
		"nobody is named": func() { m.RequestOf(e, "/oauth2/token", 200, "") },
	} {
		if n := testing.AllocsPerRun(100, act); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestLabelsOfTheDatabaseAreClosed(t *testing.T) {
	t.Parallel()
	m := NewMetrics()
	m.Retried("40001")
	m.Retried("what a server says")
	m.EventsHorizon(map[string]time.Duration{"seals": time.Minute, "anybody": time.Hour})
	m.EventsHorizon(map[string]time.Duration{"file": time.Second})
	got, err := m.Numbers()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"signet_db_retries_total code=40001": 1, "signet_db_retries_total code=other": 1,
		"signet_events_horizon_seconds reader=file": 1} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if _, stays := got["signet_events_horizon_seconds reader=seals"]; stays {
		t.Error("a reader that is none any more stays")
	}
}
