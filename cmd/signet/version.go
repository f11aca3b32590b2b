package main

import (
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"signet/internal/release"
)

// build is what the binary knows of itself.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: release.Version(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	b.Revision, b.Time, b.Modified = release.Revision()
	return b
}

func (a *app) version() *cobra.Command {
	return a.verb("version", "Tell which build this is", 0, func(*cobra.Command, []string) error {
		b := thisBuild()
		return a.answer(b, func(w io.Writer) {
			row(w, "signet", b.Version)
			row(w, "revision", dash(b.Revision))
			row(w, "built with", b.Go+" for "+b.Platform)
		})
	})
}
