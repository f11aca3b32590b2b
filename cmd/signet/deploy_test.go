package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func deployFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestPackagesContainWhatThereIs: every file of the repository that the packages name is there, and the scripts are programs. What they do
// on a machine .ci/packages tries.
func TestPackagesContainWhatThereIs(t *testing.T) {
	t.Parallel()
	var nfpm struct {
		Contents []struct {
			Src, Dst, Type string
			FileInfo       struct{ Mode int } `yaml:"file_info"`
		}
		Scripts map[string]string
	}
	if err := yaml.Unmarshal(deployFile(t, "deploy/nfpm.yaml"), &nfpm); err != nil {
		t.Fatal(err)
	}
	kept, installed := false, map[string]bool{}
	for _, c := range nfpm.Contents {
		if c.FileInfo.Mode == 0 { // that of a checkout depends on whose it is
			t.Errorf("%s has no mode", c.Dst)
		}
		installed[c.Dst] = true
		if c.Dst == "/etc/signet/config.yaml" {
			kept = c.Type == "config|noreplace"
		}
		if !strings.HasPrefix(c.Src, "${OUT}/") { // deploy/build.sh makes those
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

// TestTheImageSaysWhatItIs: where its source is, which release and commit; the release tells it.
func TestTheImageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	file := string(deployFile(t, "Dockerfile"))
	_, labels, _ := strings.Cut(file, "\nLABEL ")
	labels, _, _ = strings.Cut(labels, "\n#")
	how := string(deployFile(t, "docs/releasing.md"))
	for label, arg := range map[string]string{"source": "SOURCE", "version": "VERSION", "revision": "REVISION", "licenses": ""} {
		want := "$" + arg
		if arg == "" {
			want = "Apache-2.0"
		}
		if !strings.Contains(labels, "org.opencontainers.image."+label+`="`+want+`"`) {
			t.Errorf("no label %s", label)
		}
		if arg != "" && (!strings.Contains(how, "--build-arg "+arg+"=") || !strings.Contains(file, "\nARG "+arg+`=""`)) {
			t.Errorf("a release does not tell %s", arg)
		}
	}
}

// TestDeploymentsNameTheNewestRelease: the chart and the manifests bring the release that the changelog has on top; before the first one,
// what was built last.
func TestDeploymentsNameTheNewestRelease(t *testing.T) {
	t.Parallel()
	image := "latest"
	if m := regexp.MustCompile(`(?m)^## v?(\d+\.\d+\.\d+)\b`).FindSubmatch(deployFile(t, "CHANGELOG.md")); m != nil {
		image = string(m[1])
	}
	var chart struct {
		Version    string `yaml:"version"`
		AppVersion string `yaml:"appVersion"`
	}
	var plain struct {
		Images []struct {
			NewTag string `yaml:"newTag"`
		} `yaml:"images"`
	}
	for name, into := range map[string]any{"deploy/helm/signet/Chart.yaml": &chart, "deploy/kubernetes/kustomization.yaml": &plain} {
		if err := yaml.Unmarshal(deployFile(t, name), into); err != nil {
			t.Fatal(err)
		}
	}
	if chart.AppVersion != image || image != "latest" && chart.Version != image {
		t.Errorf("the chart is %s of %s, want %s", chart.Version, chart.AppVersion, image)
	}
	if len(plain.Images) != 1 || plain.Images[0].NewTag != image {
		t.Errorf("kustomization.yaml: %+v, want %s", plain.Images, image)
	}
	if want := "/signet:" + image + " "; !bytes.Contains(deployFile(t, "deploy/kubernetes/sqlite.yaml"), []byte(want)) {
		t.Errorf("sqlite.yaml is not of %s", image)
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
