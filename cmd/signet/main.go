package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"signet/audit"
	"signet/config"
	"signet/internal/program"
	"signet/internal/tracing"
	"signet/server"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitPerson = 3 // of `migrate check`: somebody has to do something first; of `plan`, `apply`: the server is not as the files say
)

// run is the whole program, so that tests can call it; it returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	seen := &plain{w: stderr} // the log escapes for itself
	a := &app{stdin: stdin, stdout: &plain{w: stdout}, stderr: stderr}
	root := a.root()
	root.SetArgs(dashed(root, args))
	root.SetIn(stdin)
	root.SetOut(a.stdout)
	root.SetErr(seen)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	complain(seen, err)
	if errors.Is(err, errPerson) || errors.Is(err, errDiffers) {
		return exitPerson
	}
	if _, usage := errors.AsType[usageError](err); usage || !a.started {
		return exitUsage
	}
	return exitFailed
}

// complain writes an error; several mistakes get a line each.
func complain(w io.Writer, err error) {
	all := mistakes(err)
	if len(all) == 1 {
		fmt.Fprintln(w, "signet:", all[0])
		return
	}
	fmt.Fprintln(w, "signet: several things are wrong:")
	for _, text := range all {
		fmt.Fprintln(w, "  -", strings.ReplaceAll(text, "\n", "\n    "))
	}
}

// mistakes are the texts of joined errors.
func mistakes(err error) (all []string) {
	for _, one := range config.Mistakes(err) {
		all = append(all, one.Error())
	}
	return all
}

// usageError is a mistake in the words typed, told apart by the exit code.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// app is what every command shares: the streams and the flags.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	sources        config.Sources
	json           bool
	started        bool // the words were understood and a command runs
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "signet",
		Short: "OAuth 2.1 and OpenID Connect server",
		Long: "Signet signs people in and gives apps tokens for them.\n\nBegin with `signet serve`: without any configuration it is " +
			"a complete local trial.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := root.PersistentFlags()
	f.StringVar(&a.sources.File, "config", "", "configuration `file` (default ./config.yaml if it is there)")
	f.StringVar(&a.sources.Listen, "listen", "", "public `address`, HOST:PORT (server.listen)")
	f.StringVar(&a.sources.Data, "data", "", "`folder` of the SQLite database and the master key")
	f.StringVar(&a.sources.Issuer, "issuer", "", "`address` by which browsers and apps reach Signet (server.issuer)")
	root.PersistentPreRun = func(*cobra.Command, []string) { a.started = true }
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%w; see `%s --help`", err, cmd.CommandPath())
	})
	root.AddCommand(a.serve(), a.dev(), a.configuration(), a.migrate(), a.client(), a.user(), a.group(), a.role(), a.session(), a.grant(),
		a.key(), a.resource(), a.mail(), a.event(), a.audit(), a.webhook(), a.upstream(), a.setting(),
		a.explain(), a.export(), a.plan(), a.apply(),
		a.initialToken(), a.invitation(), a.token(),
		a.apiKey(), a.assertion(), a.backup(), a.restore(), a.delivery(), a.move(), a.healthcheck(), a.doctor(), a.version())
	return root
}

// noun groups the verbs of one thing.
func noun(use, short string, verbs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: unknownVerb, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	c.AddCommand(verbs...)
	return c
}

func unknownVerb(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%q is no verb of `%s`; see `%s --help`", args[0], cmd.CommandPath(), cmd.CommandPath())
	}
	return nil
}

// verb is a command that may answer in JSON.
func (a *app) verb(use, short string, args int, do func(cmd *cobra.Command, args []string) error) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, RunE: do, Args: func(cmd *cobra.Command, got []string) error {
		if len(got) != args {
			return usage("`%s` takes %d argument(s), got %d: %s", cmd.CommandPath(), args, len(got), cmd.UseLine())
		}
		return nil
	}, PreRunE: func(cmd *cobra.Command, _ []string) error { return checkDurations(cmd) }}
	c.Flags().BoolVar(&a.json, "json", false, "answer in JSON")
	return c
}

// configured loads the configuration.
func (a *app) configured() (config.Config, error) {
	a.sources.Environ = os.Environ()
	a.sources.Run = func(line string) (string, error) { return program.Secret(context.Background(), line, os.Environ()) }
	return config.Load(a.sources)
}

// checked loads the configuration and looks at what it names, so that every mistake is told in one round.
func (a *app) checked() (config.Config, error) {
	c, err := a.configured()
	if _, unread := errors.AsType[*config.FileError](err); unread {
		return c, err
	}
	return c, errors.Join(err, config.Beside(err, server.Check(c)), tracing.Check())
}

// reads marks a command that changes nothing: within opens the database for reading.
func reads(c *cobra.Command) *cobra.Command {
	if c.Annotations == nil {
		c.Annotations = map[string]string{}
	}
	c.Annotations[readsMark] = "true"
	return c
}

const readsMark = "reads"

// within opens the database and the services on it, runs do as the operator's act, and closes them. It makes no file and no key, and
// migrates nothing.
func (a *app) within(cmd *cobra.Command, do func(ctx context.Context, h *server.Services) error) error {
	c, err := a.configured()
	if err != nil {
		return err
	}
	ctx := audit.WithOrigin(cmd.Context(), audit.Origin{Actor: "cli"})
	use := server.ForActing
	if cmd.Annotations[readsMark] != "" {
		use = server.ForReading
	}
	h, err := server.Open(ctx, server.Options{Use: use, Config: c, Notice: a.notice})
	if err != nil {
		return err
	}
	if err := notKept(ctx, h, cmd); err != nil {
		return errors.Join(err, h.Close())
	}
	return errors.Join(do(ctx, h), h.Close())
}

// notice tells the operator what was made or seen on the way (a master key), beside the command's own answer.
func (a *app) notice(text string) { fmt.Fprintln(&plain{w: a.stderr}, text) }
