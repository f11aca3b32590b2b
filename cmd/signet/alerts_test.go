package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"signet/server/servertest"
)

type alertRules struct {
	Groups []struct {
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			Labels      map[string]string `yaml:"labels"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

var ourMetric = regexp.MustCompile(`\bsignet_[a-z0-9_]+`)

// TestEachAlertSaysWhatToDo: an alert has a section in docs/operations.md, and a section an alert.
func TestEachAlertSaysWhatToDo(t *testing.T) {
	t.Parallel()
	var rules alertRules
	if err := yaml.Unmarshal(deployFile(t, "deploy/prometheus/alerts.yaml"), &rules); err != nil {
		t.Fatal(err)
	}
	var alerts []string
	for _, r := range rules.Groups[0].Rules {
		alerts = append(alerts, r.Alert)
		if want := "docs/operations.md#" + strings.ToLower(r.Alert); r.Annotations["runbook"] != want || r.Annotations["summary"] == "" {
			t.Errorf("%s: %v", r.Alert, r.Annotations)
		}
		if s := r.Labels["severity"]; s != "page" && s != "ticket" {
			t.Errorf("%s: severity %q", r.Alert, s)
		}
	}
	_, part, found := strings.Cut(string(deployFile(t, "docs/operations.md")), "\n## Alerts\n")
	part, _, ended := strings.Cut(part, "\n## ")
	if !found || !ended {
		t.Fatal("docs/operations.md has no section on alerts")
	}
	var sections []string
	for _, m := range regexp.MustCompile(`(?m)^### (\S+)\n\S`).FindAllStringSubmatch(part, -1) {
		sections = append(sections, m[1])
	}
	if !slices.Equal(alerts, sections) {
		t.Errorf("alerts %v\nsections %v", alerts, sections)
	}
}

// TestAlertsAndDashboardNameMetricsThatThereAre scrapes a whole server; what it answers for the first time later is in the reference.
func TestAlertsAndDashboardNameMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet())
	if err := s.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := scrape(t, s)
	known := map[string]bool{}
	for _, text := range []string{w, string(deployFile(t, "docs/metrics.md"))} {
		for _, name := range ourMetric.FindAllString(text, -1) {
			known[name] = true
		}
	}
	for _, must := range []string{"signet_build_info", "signet_db_connections", "signet_bcrypt_queue"} {
		if !strings.Contains(w, "\n"+must) {
			t.Errorf("%s is not scraped", must)
		}
	}
	var board any
	raw := deployFile(t, "deploy/grafana/signet.json")
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	used := 0
	for _, file := range []string{string(raw), string(deployFile(t, "deploy/prometheus/alerts.yaml"))} {
		for _, name := range ourMetric.FindAllString(file, -1) {
			used++
			base := name
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				base = strings.TrimSuffix(base, suffix)
			}
			if !known[name] && !known[base] {
				t.Errorf("nobody exports %s", name)
			}
		}
	}
	if used < 30 {
		t.Errorf("only %d metrics are named", used)
	}
}

func scrape(t *testing.T, s *servertest.Server) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.InternalHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatal(w.Code)
	}
	return w.Body.String()
}

// TestAlertsAreUnderstoodByPrometheus runs the program that checks them; .ci/run full installs it.
func TestAlertsAreUnderstoodByPrometheus(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("SIGNET_TEST_PROXIES") == "required" {
			t.Fatal("promtool is not there")
		}
		t.Skip("promtool is not there; .ci/run full has it")
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts_test.yaml", "alerts_backup_test.yaml"}} {
		cmd := exec.Command(tool, args...)
		cmd.Dir = filepath.Join("..", "..", "deploy", "prometheus")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}
