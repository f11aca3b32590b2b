// Command loadbench measures what a request costs Signet: CPU time of the server's own process per request, as a multiple of
// a bare endpoint (net/http + JSON + one ES256 signature) measured in the same run. Ratios survive a noisy machine, times
// do not. The generator, the bare endpoint, Signet and Postgres are processes of their own.
//
//	go run ./internal/loadbench                      # SQLite, synchronous=FULL
//	go run ./internal/loadbench -postgres DSN        # a fresh, empty database
//	go run ./internal/loadbench -against OLDBINARY   # an older binary and this checkout in turns: the ratio of the two
//	go run ./internal/loadbench variants             # requests that use a feature beside those that do not
//	go run ./internal/loadbench flood                # what is left of 10,000 requests that leave something to wait
//	go run ./internal/loadbench attack               # strangers at full speed beside honest callers
//	go run ./internal/loadbench scale                # among 10,000,000 grants of 1,000,000 people, beside an empty database
//	go run ./internal/loadbench soak -for 1h         # what memory does under a mixed load
//	go run ./internal/loadbench overload             # sign-ins beside too many tokens; a database that hangs; -times 5: too much of all
//
// docs/benchmarks.md and docs/scale.md have the method and the results. Linux only: CPU time is read from /proc.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

type options struct {
	signet      string
	dsn         string
	concurrency int
	duration    time.Duration
	rounds      int
	only        string
	keep        bool
	units       int    // requests of one measurement, in place of a length
	older       string // the binary to compare with
	olderDSN    string
	pairs       int
	crowd       crowd
	folder      string
	server      string // more settings of the server, in the braces of its section
	core        string // the one that the server runs on; empty = all
	more        string // more clients, and more sections
}

// commands are those that measure something else than requests beside the bare endpoint.
var commands = map[string]func(ctx context.Context, args []string, out io.Writer) error{
	"attack": attack, "flood": flood, "overload": overload, "scale": scale, "soak": soakCommand, "variants": variants,
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "bare" {
		serveBare()
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "crowd" {
		serveCrowd(os.Args[2:])
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "press" {
		servePress(os.Args[2:])
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) > 1 {
		if command := commands[os.Args[1]]; command != nil {
			exitOn(command(ctx, os.Args[2:], os.Stdout))
			return
		}
	}
	var o options
	flag.StringVar(&o.signet, "signet", "", "the signet binary; empty = build it from this checkout")
	flag.StringVar(&o.dsn, "postgres", "", "DSN of a fresh Postgres database; empty = SQLite")
	flag.IntVar(&o.concurrency, "c", 64, "requests at once")
	flag.DurationVar(&o.duration, "d", 2*time.Second, "length of one measurement")
	flag.IntVar(&o.rounds, "rounds", 3, "measurements of each scenario; the median counts")
	flag.StringVar(&o.only, "only", "", "run only the scenarios whose name contains this")
	flag.BoolVar(&o.keep, "keep", false, "keep the temporary folder")
	flag.StringVar(&o.older, "against", "", "an older signet binary: measure it and -signet in turns")
	flag.StringVar(&o.olderDSN, "postgres-older", "", "with -against and -postgres: DSN of a fresh database for the older one")
	flag.IntVar(&o.pairs, "pairs", 15, "with -against: pairs of measurements")
	flag.IntVar(&o.units, "n", 0, "requests of one measurement, in place of -d (1,500 with -against)")
	flag.Parse()
	if o.older != "" {
		o.units = cmp.Or(o.units, 1500)
		exitOn(against(ctx, o, os.Stdout))
		return
	}
	exitOn(run(ctx, o))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "loadbench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "signet-loadbench-")
	if err != nil {
		return err
	}
	if !o.keep {
		defer os.RemoveAll(dir)
	}
	bare, err := startBare(ctx)
	if err != nil {
		return fmt.Errorf("start the bare endpoint: %w", err)
	}
	defer bare.stop()
	signet, err := startSignet(ctx, dir, o)
	if err != nil {
		return fmt.Errorf("start signet: %w", err)
	}
	defer signet.stop()
	fmt.Printf("idle memory %.1f MiB, start %d ms (database there), binary %.1f MB\n",
		signet.rssMiB(), signet.startMillis, float64(signet.binarySize)/1e6)

	w, err := newWorld(ctx, signet.url, o)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	report, err := measureAll(ctx, o, bare, signet, w)
	if err != nil {
		return err
	}
	report.print(os.Stdout)
	printHeapOnly(ctx, os.Stdout, o.dsn)
	return w.signInStorm(ctx, os.Stdout)
}
