package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
)

// What sockets of the service manager are called (FileDescriptorName= of systemd.socket); one without a name is the public one.
const (
	handedPublic   = "public"
	handedInternal = "internal"
	handedMTLS     = "mtls"
)

// firstHanded is the first file descriptor of those that are handed over (sd_listen_fds of systemd).
const firstHanded = 3

// handed takes over the listeners that the service manager opened and holds on to, by their names: a port below 1024 needs no right then,
// and whoever connects while the server restarts waits. They are taken once; what is started from here does not get them.
func handed() (all map[string]net.Listener, err error) {
	pid, count, names := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")
	if pid != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		err = errors.Join(err, os.Unsetenv(name))
	}
	n, unread := strconv.Atoi(count)
	if unread != nil || n < 0 || n > 100 {
		return nil, errors.Join(err, fmt.Errorf("LISTEN_FDS is %q, which is no number of sockets", count))
	}
	named := strings.Split(names, ":")
	all = map[string]net.Listener{}
	for i := range n {
		file := os.NewFile(uintptr(firstHanded+i), "socket "+strconv.Itoa(i))
		name := handedPublic
		if i < len(named) && named[i] != "" && named[i] != "unknown" && !strings.HasSuffix(named[i], ".socket") {
			name = named[i]
		}
		listener, broken := net.FileListener(file) // a copy that is closed on exec
		err = errors.Join(err, file.Close())
		switch known := slices.Contains([]string{handedPublic, handedInternal, handedMTLS}, name); {
		case broken != nil:
			err = errors.Join(err, fmt.Errorf("what the service manager hands over as %q is not a socket that listens: look at ListenStream= of "+
				"its unit, and at LISTEN_FDS: %w", name, broken))
		case !known, all[name] != nil:
			what := "a socket"
			if known {
				what = "a second socket"
			}
			err = errors.Join(err, listener.Close(), fmt.Errorf("the service manager hands over %s %q: they are called public, internal and "+
				"mtls (FileDescriptorName=), one of each", what, name))
		default:
			all[name] = listener
		}
	}
	if err != nil {
		for _, l := range all {
			err = errors.Join(err, l.Close())
		}
		return nil, fmt.Errorf("take over sockets: %w", err)
	}
	return all, nil
}
