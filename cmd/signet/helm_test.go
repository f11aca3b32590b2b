package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// helm renders the chart; .ci/run full builds the program.
func helm(t *testing.T, set ...string) (string, error) {
	t.Helper()
	tool, err := exec.LookPath("helm")
	if err != nil {
		if os.Getenv("SIGNET_TEST_PROXIES") == "required" {
			t.Fatal("helm is not there")
		}
		t.Skip("helm is not there; .ci/run full has it")
	}
	args := []string{"template", "try", filepath.Join("..", "..", "deploy", "helm", "signet"), "--namespace", "signet",
		"--kube-version", "1.30.0"}
	for _, s := range set {
		args = append(args, "--set", s)
	}
	cmd := exec.CommandContext(t.Context(), tool, args...)
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+t.TempDir(), "HELM_CONFIG_HOME="+t.TempDir(), "HELM_DATA_HOME="+t.TempDir())
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", errors.New(said.String())
	}
	return string(out), nil
}

func TestTheChartIsLinted(t *testing.T) {
	t.Parallel()
	if _, err := helm(t, "existingSecret=mine", "config.server.issuer=https://id.example.com"); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "helm", "lint", "--strict", filepath.Join("..", "..", "deploy", "helm", "signet"), "--set",
		"existingSecret=mine,config.server.issuer=https://id.example.com").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTheChartIsTight: whatever is chosen, pods have no right that they do not need and settings that there are, and no secret is made.
func TestTheChartIsTight(t *testing.T) {
	t.Parallel()
	must := []string{"existingSecret=mine", "config.server.issuer=https://id.example.com"}
	for name, c := range map[string]struct {
		set   []string
		kinds []string // in the order of their names
	}{
		"as it is": {nil, []string{"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service", "Service"}},
		"one":      {[]string{"replicas=1", "networkPolicy.enabled=false"}, []string{"ConfigMap", "Deployment", "Service", "Service"}},
		"sqlite": {[]string{"sqlite.enabled=true", "sqlite.storageClass=fast"},
			[]string{"ConfigMap", "NetworkPolicy", "Service", "Service", "StatefulSet"}},
		"all": {[]string{"migrateJob=true", "ingress.enabled=true", "ingress.className=nginx", "ingress.tlsSecret=cert",
			"serviceMonitor.enabled=true", "image.digest=sha256:abc", "podAnnotations.a=b", "podLabels.c=d", "nodeSelector.e=f",
			"extraEnv[0].name=OTEL_SERVICE_NAME", "extraEnv[0].value=x", "imagePullSecrets[0].name=pull", "fsGroup=null",
			"serviceMonitor.labels.g=h", "ingress.annotations.i=j"},
			[]string{"ConfigMap", "ConfigMap", "Deployment", "Ingress", "Job", "NetworkPolicy", "PodDisruptionBudget", "Service", "Service",
				"ServiceMonitor"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := helm(t, append(slices.Clone(must), c.set...)...)
			if err != nil {
				t.Fatal(err)
			}
			judgeManifests(t, out)
			if kinds := lookAtManifests(t, name, manifestsOf(t, out)); !slices.Equal(kinds, c.kinds) {
				t.Errorf("made %v", kinds)
			}
			if name == "all" && (!strings.Contains(out, "migrate: \"off\"") || !strings.Contains(out, "signet@sha256:abc")) {
				t.Errorf("not as it was set: %s", out)
			}
		})
	}
}

func TestTheChartRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	good := map[string]string{"existingSecret": "mine", "config.server.issuer": "https://id.example.com"}
	for name, c := range map[string]struct{ key, value, says string }{
		"no secret":     {"existingSecret", "", "existingSecret is not set"},
		"no issuer":     {"config.server.issuer", "", "config.server.issuer is not set"},
		"http":          {"config.server.issuer", "http://id.example.com", "must begin with https://"},
		"a password":    {"config.storage.dsn", "postgres://u:p@h/d", "belongs into the secret"},
		"a master key":  {"config.master_key", "x", "belongs into the secret"},
		"no replicas":   {"replicas", "0", "1 or more"},
		"no duration":   {"config.server.shutdown_grace", "long", "shutdown_grace"},
		"grace aside":   {"extraEnv[0].name", "SIGNET_SERVER_SHUTDOWN_GRACE", "set config.server.shutdown_grace"},
		"a listener":    {"extraEnv[0].name", "SIGNET_SERVER_LISTEN", "the chart sets the listeners"},
		"no time":       {"startupSeconds", "5", "startupSeconds"},
		"a wrong type":  {"replicas", "many", "replicas"},
		"a wrong value": {"existingSecrets", "mine", "existingSecrets"},
	} {
		t.Run(name, func(t *testing.T) {
			set := []string{c.key + "=" + c.value}
			for k, v := range good {
				if k != c.key {
					set = append(set, k+"="+v)
				}
			}
			if out, err := helm(t, set...); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// schemasOf are the oldest release that the chart is for and the newest whose schemas the program has.
var schemasOf = []string{"1.30", "1.37"}

// judgeManifests holds what Kubernetes is to be given to the schemas of its releases, without a field that they do not have; .ci/run full
// has the program, which knows no types of the Prometheus Operator.
func judgeManifests(t *testing.T, manifests string) {
	t.Helper()
	tool, err := exec.LookPath("kubernetes-validate")
	if err != nil {
		if os.Getenv("SIGNET_TEST_PROXIES") == "required" {
			t.Fatal("kubernetes-validate is not there")
		}
		return
	}
	file := filepath.Join(t.TempDir(), "manifests.yaml")
	if err := os.WriteFile(file, []byte(manifests), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, release := range schemasOf {
		out, err := exec.CommandContext(t.Context(), tool, "--strict", "--kubernetes-version", release, file).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("passed for resource")) {
			t.Errorf("%s: %v\n%s", release, err, out)
		}
	}
}
