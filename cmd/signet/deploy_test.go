package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"signet/config"
)

func deployFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// pod is what the test looks at of a pod's description.
type pod struct {
	AutomountServiceAccountToken *bool `yaml:"automountServiceAccountToken"`
	SecurityContext              struct {
		RunAsNonRoot   bool `yaml:"runAsNonRoot"`
		RunAsUser      *int `yaml:"runAsUser"`
		SeccompProfile struct {
			Type string `yaml:"type"`
		} `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	Containers []struct {
		Args []string `yaml:"args"`
		Env  []struct {
			Name  string `yaml:"name"`
			Value string `yaml:"value"`
		} `yaml:"env"`
		SecurityContext struct {
			AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
			ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
			Capabilities             struct {
				Drop []string `yaml:"drop"`
			} `yaml:"capabilities"`
		} `yaml:"securityContext"`
		StartupProbe, LivenessProbe, ReadinessProbe struct {
			HTTPGet struct {
				Path string `yaml:"path"`
			} `yaml:"httpGet"`
		}
	} `yaml:"containers"`
}

type manifest struct {
	Kind string `yaml:"kind"`
	Spec struct {
		Replicas int `yaml:"replicas"`
		Template struct {
			Spec pod `yaml:"spec"`
		} `yaml:"template"`
	} `yaml:"spec"`
}

// TestKubernetesManifestsAreTight: pods have no right they do not need, no master key, and settings that there are.
func TestKubernetesManifestsAreTight(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"signet.yaml", "sqlite.yaml"} {
		text := deployFile(t, "deploy/kubernetes/"+name)
		decoder := yaml.NewDecoder(bytes.NewReader(text))
		pods := 0
		for {
			var m manifest
			err := decoder.Decode(&m)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if m.Kind != "Deployment" && m.Kind != "StatefulSet" {
				continue
			}
			pods++
			if m.Kind == "StatefulSet" && m.Spec.Replicas != 1 {
				t.Errorf("%s: %d servers on one SQLite file", name, m.Spec.Replicas)
			}
			lookAtPod(t, name, m.Spec.Template.Spec, deployFile(t, "deploy/kubernetes/config.yaml"))
		}
		if pods != 1 {
			t.Errorf("%s has %d pods", name, pods)
		}
		if bytes.Contains(text, []byte("kind: Secret")) {
			t.Errorf("%s holds a secret", name)
		}
	}
}

// lookAtPod reads its settings from the file that the pod names, which is configuration.
func lookAtPod(t *testing.T, name string, p pod, configuration []byte) {
	t.Helper()
	s := p.SecurityContext
	if !s.RunAsNonRoot || s.RunAsUser != nil || s.SeccompProfile.Type != "RuntimeDefault" || p.AutomountServiceAccountToken == nil ||
		*p.AutomountServiceAccountToken {
		t.Errorf("%s: the pod: %+v", name, p)
	}
	for _, c := range p.Containers {
		s := c.SecurityContext
		if s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !s.ReadOnlyRootFilesystem ||
			!slices.Contains(s.Capabilities.Drop, "ALL") {
			t.Errorf("%s: the container: %+v", name, s)
		}
		var environ []string
		for _, e := range c.Env {
			environ = append(environ, e.Name+"="+e.Value)
		}
		if strings.Contains(strings.Join(environ, " "), "SIGNET_MASTER_KEY=") {
			t.Errorf("%s: a master key for everybody who reads it", name)
		}
		read := func(file string) ([]byte, error) {
			switch filepath.Base(file) {
			case "dsn":
				return []byte("postgres://signet@db/signet?sslmode=verify-full"), nil
			case "master-key":
				return []byte("c2VydmVydGVzdC1zZXJ2ZXJ0ZXN0LW1hc3Rlci1rZXk"), nil
			case "config.yaml":
				return configuration, nil
			}
			return nil, fs.ErrNotExist
		}
		sources := config.Sources{Environ: environ, ReadFile: read}
		if i := slices.Index(c.Args, "--config"); i >= 0 {
			sources.File = c.Args[i+1]
		}
		if _, err := config.Load(sources); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPackagesContainWhatThereIs: every file of the repository that the packages name is there, and the scripts are programs.
func TestPackagesContainWhatThereIs(t *testing.T) {
	t.Parallel()
	var nfpm struct {
		Contents []struct {
			Src, Dst, Type string
		}
		Scripts map[string]string
	}
	if err := yaml.Unmarshal(deployFile(t, "deploy/nfpm.yaml"), &nfpm); err != nil {
		t.Fatal(err)
	}
	kept, installed := false, map[string]bool{}
	for _, c := range nfpm.Contents {
		installed[c.Dst] = true
		if c.Dst == "/etc/signet/config.yaml" {
			kept = c.Type == "config|noreplace"
		}
		if !strings.HasPrefix(c.Src, "dist/") { // deploy/build.sh makes those
			deployFile(t, c.Src)
		}
	}
	if !installed["/usr/share/man/man1/"] {
		t.Error("the manual pages are in no package")
	}
	if !kept {
		t.Error("an upgrade would overwrite the settings")
	}
	// The settings are root's and readable by a group: that of the service.
	account, script := string(deployFile(t, "deploy/nfpm/sysusers.conf")), string(deployFile(t, "deploy/nfpm/postinstall.sh"))
	unit := string(deployFile(t, "deploy/systemd/signet.service"))
	if !strings.Contains(unit, "\nUser=signet\n") || !strings.Contains(account, "\nu signet ") ||
		!strings.Contains(script, "chgrp signet /etc/signet/config.yaml") || !installed["/usr/lib/sysusers.d/signet.conf"] {
		t.Error("the service cannot read its settings")
	}
	for _, script := range nfpm.Scripts {
		info, err := os.Stat(filepath.Join("..", "..", script))
		if err != nil || info.Mode()&0o100 == 0 {
			t.Errorf("%s: %v", script, err)
		}
	}
}

// TestUnitsAreUnderstood by systemd, where it is there.
func TestUnitsAreUnderstood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var files []string
	for _, name := range []string{"signet.service", "signet.socket"} {
		text := strings.ReplaceAll(string(deployFile(t, "deploy/systemd/"+name)), "/usr/bin/signet", "/bin/true")
		files = append(files, filepath.Join(dir, name))
		if err := os.WriteFile(files[len(files)-1], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	needsSystemd(t)
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", append([]string{"verify", "--man=no"}, files...)...).CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) {
		t.Errorf("%v: %s", err, out)
	}
}

// needsSystemd skips a test where systemd-analyze is missing, which .ci/run full does not take; missing does the same later.
func needsSystemd(t *testing.T) (missing func(format string, args ...any)) {
	t.Helper()
	missing = t.Skipf
	if os.Getenv("SIGNET_TEST_PROXIES") == "required" {
		missing = t.Fatalf
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		missing("%v", err)
	}
	return missing
}

// TestTheUnitIsTight: what systemd says of it, where it is there.
func TestTheUnitIsTight(t *testing.T) {
	t.Parallel()
	unit := filepath.Join("..", "..", "deploy", "systemd", "signet.service")
	deployFile(t, "deploy/systemd/signet.service")
	missing := needsSystemd(t)
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "--no-pager", unit).CombinedOutput()
	if err != nil {
		missing("systemd-analyze does not work here: %v: %s", err, out)
	}
	m := regexp.MustCompile(`exposure level for signet.service: ([0-9.]+)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("not understood: %s", out)
	}
	if level, err := strconv.ParseFloat(string(m[1]), 64); err != nil || level >= 2 {
		t.Errorf("exposure %s, want below 2", m[1])
	}
}
