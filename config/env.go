package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

const (
	envPrefix     = "SIGNET_"
	envTest       = "SIGNET_TEST_"  // the test suite's own
	envBinary     = "SIGNET_BINARY" // the program that the fixtures of the kits start in tests of apps
	envToken      = "SIGNET_TOKEN"  // for commands with --server; it is in the shell in which others run, too
	envMaster     = "SIGNET_MASTER_KEY"
	envMasterFile = "SIGNET_MASTER_KEY_FILE"
	envMasterRun  = "SIGNET_MASTER_KEY_COMMAND" // a program that prints it: any vault can keep it
)

// kubernetes sets these in every pod beside a service that is named signet or signet-something; they are not ours and no mistake.
// Only SIGNET_X_PORT may also be meant for a key: it is the cluster's if its value is an address like tcp://10.0.0.1:5432.
var (
	kubernetes = regexp.MustCompile(
		`^SIGNET_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)
	kubernetesPort = regexp.MustCompile(`^(tcp|udp|sctp)://`)
)

func ofKubernetes(name, value string) bool {
	bare := strings.HasSuffix(name, "_PORT") && !strings.HasSuffix(name, "_SERVICE_PORT") && !strings.Contains(name, "_PORT_")
	return kubernetes.MatchString(name) && (!bare || kubernetesPort.MatchString(value))
}

// EnvName is the environment variable of a key: server.tls.cert_file is SIGNET_SERVER_TLS_CERT_FILE.
func EnvName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

func (s Sources) environment(c *Config) []error {
	byName := map[string]leaf{}
	files := map[string]leaf{}
	var names []string
	for _, l := range leaves(reflect.ValueOf(c).Elem(), "") {
		name := EnvName(l.key)
		byName[name] = l
		names = append(names, name)
		if l.secret() {
			files[name+"_FILE"] = l
			names = append(names, name+"_FILE")
		}
	}
	byName[envMaster] = leaf{"the master key", reflect.ValueOf(&c.MasterKey).Elem()}
	files[envMasterFile] = byName[envMaster]
	names = append(names, envMaster, envMasterFile, envMasterRun)

	var errs []error
	given := map[string]string{} // key → variable
	for _, pair := range slices.Sorted(slices.Values(s.Environ)) {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, envPrefix) || strings.HasPrefix(name, envTest) || name == envBinary || name == envToken ||
			ofKubernetes(name, value) {
			continue
		}
		if name == envMasterRun {
			text, err := s.run(value)
			if err != nil {
				errs = append(errs, fmt.Errorf("the master key: %w (environment %s)", err, name))
				continue
			}
			value = text
			byName[name] = byName[envMaster]
		}
		l, plain := byName[name]
		if !plain {
			var ok bool
			if l, ok = files[name]; !ok {
				errs = append(errs, unknownEnv(name, names))
				continue
			}
		}
		if other := given[l.key]; other != "" {
			errs = append(errs, fmt.Errorf("%s: %s and %s are both set; unset one", l.key, other, name))
			continue
		}
		given[l.key] = name
		if err := s.setEnv(l, name, value, !plain); err != nil {
			errs = append(errs, err)
			continue
		}
		c.origins[l.key] = "environment " + name
	}
	return errs
}

func (s Sources) setEnv(l leaf, name, value string, file bool) error {
	if file {
		text, err := s.readSecret(value)
		if err != nil {
			return fmt.Errorf("%s: %w (environment %s)", l.key, err, name)
		}
		value = text
	}
	if err := setText(l.value, value); err != nil {
		return fmt.Errorf("%s: %w (environment %s)", l.key, err, name)
	}
	return nil
}

func unknownEnv(name string, names []string) error {
	if guess := near(name, names); guess != "" {
		return fmt.Errorf("%s: no key has this environment variable; did you mean %s?", name, guess)
	}
	return fmt.Errorf("%s: no key has this environment variable; unset it (names are %sSECTION_KEY, see `signet config show`)", name,
		envPrefix)
}

// run asks a program for a secret.
func (s Sources) run(line string) (string, error) {
	if wrong := commandMistake(line); wrong != "" {
		return "", errors.New(wrong)
	}
	if s.Run == nil {
		return "", errors.New("no command is run here")
	}
	return s.Run(line)
}

// commandMistake says what is wrong with a command line that no shell reads; "" = nothing.
func commandMistake(line string) string {
	switch {
	case line != "" && strings.TrimSpace(line) == "":
		return "is empty"
	case strings.ContainsAny(line, "\x00\n\r"):
		return "must be one line"
	case strings.ContainsAny(line, "\"'`$|&;<>()\\"):
		return "is not read by a shell: it is a program and its arguments, parted by spaces; what needs quotes, pipes or variables goes into " +
			"a script"
	}
	return ""
}
