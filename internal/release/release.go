// Package release is which build this is: what the linker was told (deploy/build.sh, the Dockerfile), or else what Go knows of the
// checkout.
package release

import (
	"cmp"
	"runtime/debug"
)

// Set by the linker: -X signet/internal/release.version=…
var version, revision string

// Version of this build; "unknown" where nobody said.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return cmp.Or(version, "unknown")
	}
	return cmp.Or(version, info.Main.Version, "unknown")
}

// Revision is the commit that was built, when it was made, and whether files were changed since; "" where that is not known.
func Revision() (commit, at string, modified bool) {
	commit = revision
	info, ok := debug.ReadBuildInfo()
	if !ok || revision != "" {
		return commit, "", false
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value
		case "vcs.time":
			at = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	return commit, at, modified
}
