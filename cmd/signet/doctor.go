package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"signet/config"
	"signet/server"
	"signet/storage/sqlitefile"
)

// finding is one line of the doctor's answer.
type finding struct {
	About string `json:"about"` // configuration, database, server, mail, upstreams[ID]
	OK    bool   `json:"ok"`
	Text  string `json:"text"`
}

// doctor tries what the configuration leads to: database, server, public address, mail, and each upstream as it really is.
func (a *app) doctor() *cobra.Command {
	var limit time.Duration
	c := a.verb("doctor", "Look whether everything that the configuration names is there and set up", 0,
		func(cmd *cobra.Command, _ []string) error {
			c, err := a.checked()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), limit)
			defer cancel()
			findings := []finding{{"configuration", true, "valid"}}
			for _, warning := range warnings(c) {
				findings = append(findings, finding{"configuration", true, "worth a look: " + warning})
			}
			findings = append(findings, a.lookAtDatabase(ctx, c)...)
			for _, text := range onNetwork(c, sqlitefile.Network) {
				findings = append(findings, finding{"database", false, text})
			}
			findings = append(findings, lookAtOwners(c)...)
			findings = append(findings, lookAtBackups(ctx, c)...)
			findings = append(findings, lookAtGeoIP(c)...)
			here, runs := lookAtServer(ctx, c)
			kept, mail := a.lookAtKept(ctx, c)
			findings = append(findings, here, lookAtPublicAddress(ctx, c, runs), mail)
			findings = append(findings, lookAtMTLS(ctx, c, runs)...)
			for _, u := range c.Upstreams {
				findings = append(findings, lookAtUpstream(ctx, c, u)...)
			}
			findings = append(findings, kept...)
			bad := slices.ContainsFunc(findings, func(f finding) bool { return !f.OK })
			if err := a.answer(findings, func(w io.Writer) {
				for _, f := range findings {
					row(w, map[bool]string{true: "ok", false: "PROBLEM"}[f.OK], f.About, f.Text)
				}
			}); err != nil {
				return err
			}
			if bad {
				return errors.New("there are problems")
			}
			return nil
		})
	c.Flags().DurationVar(&limit, "timeout", time.Minute, "how long to look at most")
	return c
}

// lookAtServer asks the server of this configuration, which need not run: a server that is stopped is no problem, one that is not ready is.
func lookAtServer(ctx context.Context, c config.Config) (f finding, runs bool) {
	const about = "server"
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	switch err := healthy(ctx, c); {
	case errors.Is(err, errNotRunning):
		return finding{about, true, "is stopped: " + err.Error()}, false
	case err != nil:
		return finding{about, false, "does not serve (its log says why): " + err.Error()}, true
	}
	return finding{about, true, "runs and is ready"}, true
}

// lookAtMail greets the mail server and signs in there, as for an email, and sends none.
func lookAtMail(ctx context.Context, c config.Config) finding {
	const about = "mail"
	if !c.Mail.On() {
		return finding{about, true, "none is sent: addresses stay unverified"}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	where, try := "mail.smtp", "`signet mail test ADDRESS`"
	if c.Mail.Stored {
		where, try = "the page Settings of the console", "`signet setting test ADDRESS`"
	}
	if err := server.CheckMail(ctx, c); err != nil {
		return finding{about, false, "the mail server cannot be used (look at " + where + ": host, port, tls, username, password): " +
			err.Error()}
	}
	return finding{about, true, "is sent by " + c.Mail.Sender + "; " + try + " sends an email"}
}
