package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"signet/internal/regular"
)

// DefaultFile is read from the working directory if it is there and no other is named.
const DefaultFile = "config.yaml"

// maxFile bounds every file that is read, in bytes.
const maxFile = 1 << 20

// Sources says where values come from; the zero value means: defaults and, if it is there, ./config.yaml.
type Sources struct {
	File    string   // --config; must exist. "" = DefaultFile if it exists
	Environ []string // as os.Environ gives it
	Listen  string   // --listen
	Data    string   // --data: folder of the SQLite database
	Issuer  string   // --issuer

	// Run runs a program and its arguments, parted by spaces, and returns what it prints; nil = none is run.
	Run      func(line string) (string, error)
	ReadFile func(name string) ([]byte, error) // nil = from the disk
}

// Load reads all sources and validates the outcome. The error joins every mistake found, each with its key and remedy;
// the tree is then not to be used, except for showing it.
func Load(s Sources) (Config, error) {
	if s.ReadFile == nil {
		s.ReadFile = readFile
	}
	c := Default()
	errs := s.file(&c)
	errs = append(errs, s.environment(&c)...)
	errs = append(errs, s.flags(&c)...)
	c.settleDrafts()
	errs = append(errs, s.secretFiles(&c)...)
	told := errors.Join(errs...)
	if _, unread := errors.AsType[*FileError](told); unread { // what it says may be what is missing
		return c, told
	}
	return c, errors.Join(told, Beside(told, c.Validate()))
}

// FileError: the configuration file could not be read, or is not YAML. Nothing is known of what it says.
type FileError struct{ err error }

// Error is for error.
func (e *FileError) Error() string { return e.err.Error() }

// Unwrap is for package errors.
func (e *FileError) Unwrap() error { return e.err }

// Beside gives those mistakes of found that do not follow from told: what cannot be read is also missing, and what was said is not said
// again. A value that could not be read speaks for its key, for what would be below it, and for the sections that it is in.
func Beside(told, found error) error {
	unread, sections := map[string]bool{}, map[string]bool{}
	for _, err := range Mistakes(told) {
		if errors.Is(err, errTwice) {
			continue
		}
		key := strings.TrimSuffix(keyOf(err), "_file")
		unread[key] = true
		for key = parent(key); key != "" && !strings.HasSuffix(key, "]"); key = parent(key) { // an entry of a list is more than its keys
			sections[key] = true
		}
	}
	return errors.Join(slices.DeleteFunc(Mistakes(found), func(err error) bool {
		key := keyOf(err)
		if sections[key] {
			return true
		}
		for ; key != ""; key = parent(key) {
			if unread[key] {
				return true
			}
		}
		return false
	})...)
}

// parent is the key of the section or entry that a key is in; "" if it is in none. Names in brackets may hold dots.
func parent(key string) string {
	i := strings.LastIndexByte(key, '.')
	if i < 0 || strings.Contains(key[i:], "]") {
		return ""
	}
	return key[:i]
}

// keyOf is the key that a mistake begins with.
func keyOf(err error) string {
	key, _, _ := strings.Cut(err.Error(), ": ")
	return key
}

// Mistakes takes joined errors apart.
func Mistakes(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	var lines []string
	for _, one := range joined.Unwrap() {
		all = append(all, Mistakes(one)...)
		lines = append(lines, one.Error())
	}
	if strings.Join(lines, "\n") != err.Error() { // it says more than its parts
		return []error{err}
	}
	return all
}

func readFile(name string) ([]byte, error) {
	return regular.Read(name, maxFile)
}

func (s Sources) file(c *Config) []error {
	name := s.File
	if name == "" {
		name = DefaultFile
	}
	if name == os.DevNull { // the usual word for none
		return nil
	}
	data, err := s.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && s.File == "" {
		return nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return []error{&FileError{fmt.Errorf("read configuration: %w; let the account that runs this read it (that of the packages is in the "+
			"group signet)", err)}}
	}
	if err != nil {
		return []error{&FileError{fmt.Errorf("read configuration: %w; name the file with --config", err)}}
	}
	return parseFile(name, data, c)
}

func (s Sources) flags(c *Config) []error {
	var errs []error
	set := func(flag, key, value string) {
		if value == "" {
			return
		}
		field := find(reflect.ValueOf(c).Elem(), key)
		if err := setText(field, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w (flag --%s)", key, err, flag))
			return
		}
		c.origins[key] = "flag --" + flag
	}
	set("listen", "server.listen", s.Listen)
	set("issuer", "server.issuer", s.Issuer)
	if s.Data != "" && c.Origin("storage.dsn") != OriginDefault {
		errs = append(errs,
			fmt.Errorf("storage.dsn: is set by %s, so --data, which moves the default SQLite database, has nothing to move; leave one of them out",
				c.Origin("storage.dsn")))
	} else if s.Data != "" {
		set("data", "storage.dsn", "sqlite:"+filepath.Join(s.Data, "signet.db"))
	}
	if c.LocalTrial() && c.Origin("server.listen") != OriginDefault {
		if _, _, err := net.SplitHostPort(c.Server.Listen); err == nil {
			*c = c.WithListener(c.Server.Listen)
		}
	}
	return errs
}

// secretFiles reads the files of secrets in lists.
func (s Sources) secretFiles(c *Config) []error {
	var errs []error
	read := func(entry, name, file string, into *Secret) {
		if file == "" {
			return
		}
		key := entry + "." + name + "_file"
		if !into.Empty() {
			errs = append(errs, fmt.Errorf("%s: %s is set as well; leave one of them out", key, name))
			return
		}
		text, err := s.readSecret(file)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
			return
		}
		*into = NewSecret(text)
	}
	for i := range c.Clients {
		cl := &c.Clients[i]
		read("clients["+cl.ClientID+"]", "client_secret", cl.ClientSecretFile, &cl.ClientSecret)
	}
	for i := range c.Upstreams {
		u := &c.Upstreams[i]
		read("upstreams["+u.ID+"]", "client_secret", u.ClientSecretFile, &u.ClientSecret)
		read("upstreams["+u.ID+"]", "private_key", u.PrivateKeyFile, &u.PrivateKey)
	}
	return errs
}

// readSecret reads a secret's file; white space around it is not part of it.
func (s Sources) readSecret(name string) (string, error) {
	data, err := s.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("read secret: %w; name a file that this account can read", err)
	}
	text := strings.TrimSpace(string(data))
	if text == "" {
		return "", fmt.Errorf("%s is empty; put the secret into it", name)
	}
	return text, nil
}
