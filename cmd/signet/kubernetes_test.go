package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"signet/config"
)

// pod is what the tests look at of a pod's description.
type pod struct {
	AutomountServiceAccountToken  *bool             `yaml:"automountServiceAccountToken"`
	TerminationGracePeriodSeconds int               `yaml:"terminationGracePeriodSeconds"`
	NodeSelector                  map[string]string `yaml:"nodeSelector"`
	Tolerations                   []any             `yaml:"tolerations"`
	Affinity                      any               `yaml:"affinity"`
	SecurityContext               struct {
		RunAsNonRoot   bool `yaml:"runAsNonRoot"`
		RunAsUser      *int `yaml:"runAsUser"`
		SeccompProfile struct {
			Type string `yaml:"type"`
		} `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	Containers []container `yaml:"containers"`
	Volumes    []volume    `yaml:"volumes"`
}

type container struct {
	Image string   `yaml:"image"`
	Args  []string `yaml:"args"`
	Env   []struct {
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
	Lifecycle struct {
		PreStop struct {
			Sleep struct {
				Seconds int `yaml:"seconds"`
			} `yaml:"sleep"`
		} `yaml:"preStop"`
	} `yaml:"lifecycle"`
	StartupProbe struct {
		HTTPGet struct {
			Path string `yaml:"path"`
		} `yaml:"httpGet"`
		PeriodSeconds    int `yaml:"periodSeconds"`
		FailureThreshold int `yaml:"failureThreshold"`
	} `yaml:"startupProbe"`
	VolumeMounts []struct {
		Name      string `yaml:"name"`
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

type volume struct {
	Name      string `yaml:"name"`
	EmptyDir  any    `yaml:"emptyDir"`
	ConfigMap struct {
		Name string `yaml:"name"`
	} `yaml:"configMap"`
	Secret struct {
		SecretName string `yaml:"secretName"`
	} `yaml:"secret"`
}

type manifest struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name      string `yaml:"name"`
		Namespace string `yaml:"namespace"`
	} `yaml:"metadata"`
	Data map[string]string `yaml:"data"`
	Spec struct {
		Replicas                int `yaml:"replicas"`
		ProgressDeadlineSeconds int `yaml:"progressDeadlineSeconds"`
		Template                struct {
			Spec pod `yaml:"spec"`
		} `yaml:"template"`
		VolumeClaimTemplates []struct {
			Metadata struct {
				Name string `yaml:"name"`
			} `yaml:"metadata"`
		} `yaml:"volumeClaimTemplates"`
		Ports []struct {
			Name string `yaml:"name"`
			Port int    `yaml:"port"`
		} `yaml:"ports"`
		Ingress []struct {
			Ports []struct {
				Port string `yaml:"port"`
			} `yaml:"ports"`
			From []any `yaml:"from"`
		} `yaml:"ingress"`
	} `yaml:"spec"`
}

func manifestsOf(t *testing.T, text string) (all []manifest) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var m manifest
		if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		all = append(all, m)
	}
}

// lookAtManifests is what holds wherever Signet is to run: pods have no right they do not need, no master key, settings that there are, and
// time to begin and to end; metrics can be asked, not by everybody. It returns the kinds.
func lookAtManifests(t *testing.T, name string, all []manifest) (kinds []string) {
	t.Helper()
	settings := map[string]string{}
	var guarded, found bool
	for _, m := range all {
		kinds = append(kinds, m.Kind)
		switch m.Kind {
		case "ConfigMap":
			settings[m.Metadata.Name] = m.Data["config.yaml"]
		case "Secret":
			t.Errorf("%s holds a secret", name)
		case "Service":
			metrics := strings.HasSuffix(m.Metadata.Name, "-metrics")
			found = found || metrics
			if len(m.Spec.Ports) != 1 || metrics != (m.Spec.Ports[0].Name == "metrics") || metrics != (m.Spec.Ports[0].Port == 9401) {
				t.Errorf("%s: metrics have a Service apart: %+v", name, m.Spec.Ports)
			}
		case "NetworkPolicy":
			for _, in := range m.Spec.Ingress {
				guarded = guarded || len(in.Ports) == 1 && in.Ports[0].Port == "metrics" && len(in.From) > 0
			}
			if !guarded {
				t.Errorf("%s: metrics for everybody: %+v", name, m.Spec.Ingress)
			}
		}
	}
	if !found {
		t.Errorf("%s: nobody finds the metrics", name)
	}
	slices.Sort(kinds)
	for _, m := range all {
		if !slices.Contains([]string{"Deployment", "StatefulSet", "Job"}, m.Kind) {
			continue
		}
		p := m.Spec.Template.Spec
		if m.Kind == "StatefulSet" && m.Spec.Replicas != 1 {
			t.Errorf("%s: %d servers on one SQLite file", name, m.Spec.Replicas)
		}
		lookAtRights(t, name, p)
		lookAtVolumes(t, name, m, settings)
		c := loadAs(t, name, p, settings)
		if m.Kind == "Job" {
			continue
		}
		first := p.Containers[0]
		rest := p.TerminationGracePeriodSeconds - first.Lifecycle.PreStop.Sleep.Seconds
		if needs := c.Server.ShutdownGrace + 15*time.Second; time.Duration(rest)*time.Second < needs {
			t.Errorf("%s: killed after %d s, where %s may pass", name, rest, needs)
		}
		begins := first.StartupProbe.PeriodSeconds * first.StartupProbe.FailureThreshold
		if least := map[bool]int{true: 60, false: 3600}[c.Storage.Migrate == config.MigrateOff]; begins < least {
			t.Errorf("%s: restarted after %d s, want %d at least", name, begins, least)
		}
		if m.Kind == "Deployment" && m.Spec.ProgressDeadlineSeconds <= begins {
			t.Errorf("%s: given up after %d s, while it may begin for %d", name, m.Spec.ProgressDeadlineSeconds, begins)
		}
	}
	return kinds
}

func lookAtRights(t *testing.T, name string, p pod) {
	t.Helper()
	s := p.SecurityContext
	if !s.RunAsNonRoot || s.RunAsUser != nil || s.SeccompProfile.Type != "RuntimeDefault" || p.AutomountServiceAccountToken == nil ||
		*p.AutomountServiceAccountToken {
		t.Errorf("%s: the pod: %+v", name, p)
	}
	if len(p.Containers) != 1 {
		t.Fatalf("%s: %d containers", name, len(p.Containers))
	}
	c := p.Containers[0].SecurityContext
	if c.AllowPrivilegeEscalation == nil || *c.AllowPrivilegeEscalation || !c.ReadOnlyRootFilesystem ||
		!slices.Contains(c.Capabilities.Drop, "ALL") {
		t.Errorf("%s: the container: %+v", name, c)
	}
}

// lookAtVolumes: what is mounted is there, and a folder for temporary files, which a root that is read-only has not.
func lookAtVolumes(t *testing.T, name string, m manifest, settings map[string]string) {
	t.Helper()
	there, p := map[string]volume{}, m.Spec.Template.Spec
	for _, v := range p.Volumes {
		if _, twice := there[v.Name]; twice {
			t.Errorf("%s: two volumes %s", name, v.Name)
		}
		there[v.Name] = v
		if _, made := settings[v.ConfigMap.Name]; v.ConfigMap.Name != "" && !made {
			t.Errorf("%s: nobody makes the ConfigMap %s", name, v.ConfigMap.Name)
		}
	}
	for _, claim := range m.Spec.VolumeClaimTemplates {
		there[claim.Metadata.Name] = volume{}
	}
	at := map[string]bool{}
	for _, mount := range p.Containers[0].VolumeMounts {
		if _, ok := there[mount.Name]; !ok || at[mount.MountPath] {
			t.Errorf("%s: %s is mounted at %s", name, mount.Name, mount.MountPath)
		}
		at[mount.MountPath] = true
		if mount.MountPath == "/tmp" && mount.ReadOnly {
			t.Errorf("%s: /tmp cannot be written", name)
		}
	}
	if !at["/tmp"] {
		t.Errorf("%s: no folder for temporary files", name)
	}
}

// loadAs reads the settings as the pod does: from the file that it names, in the ConfigMap that is mounted there, and the environment.
func loadAs(t *testing.T, name string, p pod, settings map[string]string) config.Config {
	t.Helper()
	c := p.Containers[0]
	var environ []string
	for _, e := range c.Env {
		environ = append(environ, e.Name+"="+e.Value)
	}
	if strings.Contains(strings.Join(environ, " "), "SIGNET_MASTER_KEY=") {
		t.Errorf("%s: a master key for everybody who reads it", name)
	}
	read := func(file string) ([]byte, error) {
		volumes := map[string]volume{}
		for _, v := range p.Volumes {
			volumes[v.Name] = v
		}
		for _, mount := range c.VolumeMounts {
			if mount.MountPath != filepath.Dir(file) {
				continue
			}
			switch v := volumes[mount.Name]; {
			case v.ConfigMap.Name != "" && filepath.Base(file) == "config.yaml":
				return []byte(settings[v.ConfigMap.Name]), nil
			case v.Secret.SecretName != "" && filepath.Base(file) == "dsn":
				return []byte("postgres://signet@db/signet?sslmode=verify-full"), nil
			case v.Secret.SecretName != "" && filepath.Base(file) == "master-key":
				return []byte("c2VydmVydGVzdC1zZXJ2ZXJ0ZXN0LW1hc3Rlci1rZXk"), nil
			}
		}
		return nil, fs.ErrNotExist
	}
	sources := config.Sources{Environ: environ, ReadFile: read}
	if i := slices.Index(c.Args, "--config"); i >= 0 {
		sources.File = c.Args[i+1]
	}
	loaded, err := config.Load(sources)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return loaded
}

// TestSQLiteOnKubernetes is the manifest that is used as it is.
func TestSQLiteOnKubernetes(t *testing.T) {
	t.Parallel()
	text := string(deployFile(t, "deploy/kubernetes/sqlite.yaml"))
	kinds := lookAtManifests(t, "sqlite.yaml", manifestsOf(t, text))
	if want := []string{"NetworkPolicy", "Service", "Service", "StatefulSet"}; !slices.Equal(kinds, want) {
		t.Errorf("%v, want %v", kinds, want)
	}
	judgeManifests(t, text)
}

// TestPostgresOnKubernetes is what kustomize makes of the folder, or where it is missing, of the two files that it would put together.
func TestPostgresOnKubernetes(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("..", "..", "deploy", "kubernetes")
	raw := manifestsOf(t, string(deployFile(t, "deploy/kubernetes/signet.yaml")))
	var settings manifest
	settings.Kind, settings.Metadata.Name = "ConfigMap", "signet"
	settings.Data = map[string]string{"config.yaml": string(deployFile(t, "deploy/kubernetes/config.yaml"))}
	want := lookAtManifests(t, "signet.yaml", append(raw, settings))
	if kinds := []string{"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service", "Service"}; !slices.Equal(kinds, want) {
		t.Errorf("%v, want %v", want, kinds)
	}
	tool, err := exec.LookPath("kustomize")
	if err != nil {
		if os.Getenv("SIGNET_TEST_PROXIES") == "required" {
			t.Fatal("kustomize is not there")
		}
		t.Skip("kustomize is not there; .ci/run full has it")
	}
	out, err := exec.CommandContext(t.Context(), tool, "build", folder).Output()
	if err != nil {
		t.Fatal(err)
	}
	judgeManifests(t, string(out))
	all := manifestsOf(t, string(out))
	if kinds := lookAtManifests(t, "kustomization.yaml", all); !slices.Equal(kinds, want) {
		t.Errorf("%v, want %v", kinds, want)
	}
	for _, m := range all {
		if m.Metadata.Namespace != "signet" {
			t.Errorf("%s is in namespace %q", m.Kind, m.Metadata.Namespace)
		}
		if m.Kind == "ConfigMap" && !strings.HasPrefix(m.Metadata.Name, "signet-") {
			t.Errorf("pods are not replaced when %s changes", m.Metadata.Name)
		}
		if m.Kind == "Deployment" && !strings.HasPrefix(m.Spec.Template.Spec.Containers[0].Image, "registry.example.com/signet:") {
			t.Errorf("the image is %s", m.Spec.Template.Spec.Containers[0].Image)
		}
	}
}

// TestTheJobOfTheChartHasWhatPodsHave: settings, environment, volumes and nodes, for the database is reached with them: authorities that a
// dsn names, the program that prints the password.
func TestTheJobOfTheChartHasWhatPodsHave(t *testing.T) {
	t.Parallel()
	out, err := helm(t, "existingSecret=mine", "config.server.issuer=https://id.example.com", "migrateJob=true",
		"config.storage.password_command=/tools/password --for signet",
		"extraVolumes[0].name=tools", "extraVolumes[0].secret.secretName=tools",
		"extraVolumeMounts[0].name=tools", "extraVolumeMounts[0].mountPath=/tools",
		"extraVolumes[1].name=large", "extraVolumeMounts[1].name=large", "extraVolumeMounts[1].mountPath=/tmp",
		"extraEnv[0].name=AWS_REGION", "extraEnv[0].value=eu-central-1", "nodeSelector.pool=databases",
		"tolerations[0].key=pool", "tolerations[0].operator=Exists",
		"affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight=1",
		"affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].key=metadata.name",
		"affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].operator=Exists")
	if err != nil {
		t.Fatal(err)
	}
	judgeManifests(t, out)
	all := manifestsOf(t, out)
	lookAtManifests(t, "with the job", all)
	settings, pods := map[string]string{}, map[string]pod{}
	for _, m := range all {
		if m.Kind == "ConfigMap" {
			settings[m.Metadata.Name] = m.Data["config.yaml"]
		}
		pods[m.Kind] = m.Spec.Template.Spec
	}
	serves, migrates := pods["Deployment"], pods["Job"]
	of := map[string]config.Config{"serves": loadAs(t, "serves", serves, settings), "migrates": loadAs(t, "migrates", migrates, settings)}
	if !reflect.DeepEqual(of["serves"].Storage, of["migrates"].Storage) ||
		of["migrates"].Storage.PasswordCommand != "/tools/password --for signet" {
		t.Errorf("the job has other settings: %+v", of["migrates"].Storage)
	}
	for i, v := range migrates.Volumes { // each has its own ConfigMap
		if v.ConfigMap.Name != "" {
			migrates.Volumes[i].ConfigMap = serves.Volumes[i].ConfigMap
		}
	}
	a, b := serves.Containers[0], migrates.Containers[0]
	for what, pair := range map[string][2]any{
		"volumes":     {serves.Volumes, migrates.Volumes},
		"mounts":      {a.VolumeMounts, b.VolumeMounts},
		"environment": {a.Env, b.Env},
		"image":       {a.Image, b.Image},
		"nodes":       {serves.NodeSelector, migrates.NodeSelector},
		"tolerations": {serves.Tolerations, migrates.Tolerations},
		"affinity":    {serves.Affinity, migrates.Affinity},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) || reflect.ValueOf(pair[0]).IsZero() {
			t.Errorf("%s: pods %+v\njob %+v", what, pair[0], pair[1])
		}
	}
}

// TestPodsOfTheChartMayEnd: they are given as long as server.shutdown_grace says, and begin within startupSeconds.
func TestPodsOfTheChartMayEnd(t *testing.T) {
	t.Parallel()
	for grace, want := range map[string]int{"15s": 40, "60s": 85, "1m30s": 115, "1500ms": 27, "10m": 625} {
		out, err := helm(t, "existingSecret=mine", "config.server.issuer=https://id.example.com", "config.server.shutdown_grace="+grace,
			"startupSeconds=7200")
		if err != nil {
			t.Fatal(err)
		}
		all := manifestsOf(t, out)
		lookAtManifests(t, grace, all)
		for _, m := range all {
			p := m.Spec.Template.Spec
			if m.Kind != "Deployment" {
				continue
			}
			if p.TerminationGracePeriodSeconds != want || p.Containers[0].StartupProbe.FailureThreshold != 1440 {
				t.Errorf("%s: %d s, want %d; begins %+v", grace, p.TerminationGracePeriodSeconds, want, p.Containers[0].StartupProbe)
			}
		}
	}
}

// TestPrometheusFindsPodsByTheJobOfTheAlerts: Debian's promtool knows no Kubernetes, so that file is read here.
func TestPrometheusFindsPodsByTheJobOfTheAlerts(t *testing.T) {
	t.Parallel()
	var scrape struct {
		Configs []struct {
			JobName string `yaml:"job_name"`
			Relabel []struct {
				Source []string `yaml:"source_labels"`
				Regex  string   `yaml:"regex"`
				Action string   `yaml:"action"`
			} `yaml:"relabel_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal(deployFile(t, "deploy/prometheus/kubernetes.yaml"), &scrape); err != nil {
		t.Fatal(err)
	}
	if len(scrape.Configs) != 1 || scrape.Configs[0].JobName != "signet" {
		t.Fatalf("%+v", scrape)
	}
	keep := scrape.Configs[0].Relabel[0]
	if name, port, _ := strings.Cut(keep.Regex, ";"); keep.Action != "keep" || name != "signet" || port != "metrics" || len(keep.Source) != 2 {
		t.Errorf("%+v", keep)
	}
	for _, name := range []string{"signet.yaml", "sqlite.yaml"} {
		text := string(deployFile(t, "deploy/kubernetes/"+name))
		_, service, _ := strings.Cut(text, "kind: Service\nmetadata:\n  name: signet\n")
		if !strings.HasPrefix(service, "  labels: {app.kubernetes.io/name: signet}\n") {
			t.Errorf("%s: the Service is not known by its label", name)
		}
	}
}
