package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of an overload by one kind of request: what is still served of what can be at most, how long that takes, and what memory does.
const (
	leastGoodput = 0.8
	longestP99   = 10 * time.Second
	mostSwelling = 1.1 // resident memory of the last third by that of the second
)

// Cores of an overload: the server has one, what sends the requests another.
const serverCore, senderCore = "0", "1"

// onCore has a command run on one core alone. The server counts its processors when it starts.
func onCore(ctx context.Context, core, program string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "taskset", append([]string{"-c", core, program}, args...)...)
}

// pressed is what came of the requests that were pressed upon a server, times in nanoseconds.
type pressed struct {
	Good, Refused, Lost int64
	Median, P99         time.Duration
	For                 time.Duration
	Why                 string // of a lost one
}

func (p pressed) rate() float64 { return float64(p.Good) / p.For.Seconds() }

func (p pressed) offered() float64 { return float64(p.Good+p.Refused+p.Lost) / p.For.Seconds() }

// connections are how many there are at once, each with a grant of its own: more than the server works on, so that it has to refuse.
const connections = 3000

// timesPeak finds how many refreshes the server answers at most, offers many times as many, and looks what becomes of them, of what must
// always be answered, and of memory.
func (w *world) timesPeak(ctx context.Context, o options, signet *process, times float64, out io.Writer) error {
	all, err := (&side{options: o, server: signet}).coldTokens(ctx)
	if err != nil {
		return fmt.Errorf("refresh tokens: %w", err)
	}
	w.chains = nil
	for _, t := range all.tokens {
		w.chains = append(w.chains, &chain{refresh: t})
	}
	peak := pressed{For: time.Second}
	for _, workers := range []int{16, 64, 256} {
		p, err := w.press(ctx, workers, 0, o.duration)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%d at once: %.0f/s, p99 %.0f ms\n", workers, p.rate(), ms(p.P99))
		if p.rate() > peak.rate() {
			peak = p
		}
	}
	beside, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	probes := map[string]*counted{}
	for _, path := range []string{"/oauth2/jwks", "/.well-known/openid-configuration", "/healthz"} {
		probes[path] = many(beside, &wg, 1, func(ctx context.Context, _ int) error {
			time.Sleep(50 * time.Millisecond)
			return w.read(ctx, path)
		})
	}
	var memory []float64
	wg.Go(func() {
		for beside.Err() == nil {
			memory = append(memory, signet.rssMiB())
			time.Sleep(200 * time.Millisecond)
		}
	})
	p, err := w.press(ctx, len(w.chains), times*peak.rate(), 8*o.duration)
	stop()
	wg.Wait()
	if err != nil {
		return err
	}
	third := len(memory) / 3
	second, last := medianOf(slices.Clone(memory[third:2*third])).median, medianOf(slices.Clone(memory[2*third:])).median
	kept := p.rate() / peak.rate()
	fmt.Fprintf(out, "offered %.1f times as many for %s: %.0f/s served (%.2f), median %.0f ms, p99 %.0f ms, %d refused, %d lost %s\n",
		p.offered()/peak.rate(), p.For.Round(time.Second), p.rate(), kept, ms(p.Median), ms(p.P99), p.Refused, p.Lost, p.Why)
	fmt.Fprintf(out, "resident memory, medians of the second and the last third, most: %.0f, %.0f, %.0f MiB\n", second, last,
		slices.Max(memory))
	var bad error
	for path, c := range probes {
		fmt.Fprintf(out, "meanwhile %s: %d answered, %d not\n", path, c.good.Load(), c.bad.Load())
		if c.good.Load() == 0 || c.bad.Load() > 0 {
			bad = errors.Join(bad, fmt.Errorf("%s is not always answered", path))
		}
	}
	if kept < leastGoodput || p.P99 > longestP99 || last > mostSwelling*second || p.Lost > 0 {
		bad = errors.Join(bad, fmt.Errorf("at least %v is to be kept, p99 at most %s, and memory at most %v times as large",
			leastGoodput, longestP99, mostSwelling))
	}
	return bad
}

// press runs the process that sends refreshes, so many a second in all, or as many as it can, and keeps what it learnt of the chains.
func (w *world) press(ctx context.Context, workers int, rate float64, life time.Duration) (p pressed, err error) {
	self, err := os.Executable()
	if err != nil {
		return p, err
	}
	cmd := onCore(ctx, senderCore, self, "press", w.url, strconv.FormatFloat(rate, 'f', 0, 64), life.String())
	cmd.Stderr = os.Stderr
	var chains strings.Builder
	for _, c := range w.chains[:workers] {
		fmt.Fprintln(&chains, c.refresh)
	}
	cmd.Stdin = strings.NewReader(chains.String())
	text, err := cmd.Output()
	if err != nil {
		return p, fmt.Errorf("send refreshes: %w", err)
	}
	lines := strings.Fields(string(text))
	if len(lines) != workers+1 {
		return p, fmt.Errorf("send refreshes: %d lines", len(lines))
	}
	for i, line := range lines[1:] {
		w.chains[i].refresh = line
	}
	return p, json.Unmarshal([]byte(lines[0]), &p)
}

// servePress is that process. It tells in one line what came of it, then the refresh tokens that the chains have now.
func servePress(args []string) {
	u, _ := url.Parse(args[0])
	rate, _ := strconv.ParseFloat(args[1], 64)
	life, _ := time.ParseDuration(args[2])
	var list []*presser
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		n := len(list)
		list = append(list, &presser{host: u.Host, from: fmt.Sprintf("198.%d.%d.%d", 18+n>>15&1, n>>7&255, n&127), refresh: in.Text()})
	}
	began := time.Now()
	var turn atomic.Int64
	var wg sync.WaitGroup
	for _, one := range list {
		wg.Go(func() {
			for {
				if rate > 0 {
					time.Sleep(time.Until(began.Add(time.Duration(float64(turn.Add(1)) / rate * float64(time.Second)))))
				}
				if time.Since(began) > life {
					return
				}
				one.once()
			}
		})
	}
	wg.Wait()
	p := pressed{For: time.Since(began)}
	var took []time.Duration
	for _, one := range list {
		p.Good, p.Refused, p.Lost = p.Good+int64(len(one.took)), p.Refused+one.refused, p.Lost+one.lost
		took = append(took, one.took...)
		if one.why != nil {
			p.Why = strings.ReplaceAll(one.why.Error(), " ", "_")
		}
	}
	slices.Sort(took)
	if len(took) > 0 {
		p.Median, p.P99 = took[len(took)/2], took[len(took)*99/100]
	}
	_ = json.NewEncoder(os.Stdout).Encode(p)
	for _, one := range list {
		fmt.Println(one.refresh)
	}
}

// presser sends one refresh after another on a connection of its own. It speaks no more of HTTP than it must: what it costs is taken from
// what it can send.
type presser struct {
	host, from, refresh string
	conn                net.Conn
	in                  *bufio.Reader
	took                []time.Duration // of those that were served
	refused, lost       int64
	why                 error
}

func (p *presser) once() {
	began := time.Now()
	status, body, err := p.exchange()
	switch {
	case err != nil:
		p.lost++
		p.why = err
		if p.conn != nil {
			_ = p.conn.Close()
			p.conn = nil
		}
	case status == 200:
		const name = `"refresh_token":"`
		_, after, _ := strings.Cut(body, name)
		if token, _, found := strings.Cut(after, `"`); found {
			p.refresh = token
		}
		p.took = append(p.took, time.Since(began))
	case status == 429 || status == 503:
		p.refused++
	default:
		p.lost++
		p.why = fmt.Errorf("%d %s", status, body)
	}
}

func (p *presser) exchange() (status int, body string, err error) {
	if p.conn == nil {
		if p.conn, err = net.Dial("tcp", p.host); err != nil {
			return 0, "", err
		}
		p.in = bufio.NewReader(p.conn)
	}
	form := "grant_type=refresh_token&refresh_token=" + url.QueryEscape(p.refresh)
	_, err = fmt.Fprintf(p.conn, "POST /oauth2/token HTTP/1.1\r\nHost: %s\r\nX-Forwarded-For: %s\r\nAuthorization: Basic "+
		"%s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", p.host, p.from,
		base64.StdEncoding.EncodeToString([]byte("web:"+benchSecret)), len(form), form)
	if err != nil {
		return 0, "", err
	}
	length := -1
	for {
		line, err := p.in.ReadSlice('\n')
		if err != nil {
			return 0, "", err
		}
		text := strings.TrimSpace(string(line))
		if text == "" {
			break
		}
		name, value, header := strings.Cut(text, ": ")
		switch {
		case !header || status == 0:
			status, _ = strconv.Atoi(strings.Fields(text + " 0 0")[1])
		case strings.EqualFold(name, "Content-Length"):
			length, _ = strconv.Atoi(value)
		}
	}
	if length < 0 {
		return status, "", errors.New("an answer without a length")
	}
	all := make([]byte, length)
	_, err = io.ReadFull(p.in, all)
	return status, string(all), err
}
