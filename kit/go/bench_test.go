package kit

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestMain: a run with KIT_SERVER is the server of a measurement, a process of its own, so that its CPU time can be told apart.
func TestMain(m *testing.M) {
	if os.Getenv("KIT_SERVER") != "" {
		serveMeasured()
		return
	}
	os.Exit(m.Run())
}

// serveMeasured serves a plain handler and one that makes a signature (the bare endpoint of internal/loadbench), each bare and guarded.
func serveMeasured() {
	keys, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	api, err := New(issuer, resource, Options{HTTP: &http.Client{Transport: serving(issuer, string(keys))}})
	if err != nil {
		panic(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	plain := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"notes": []string{"Buy milk", "Read RFC 9068"}})
	})
	signing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			panic(err)
		}
		raw, err := json.Marshal(good(body{"jti": rand.Text(), "scope": r.Form.Get("scope")}))
		if err != nil {
			panic(err)
		}
		input := b64([]byte(`{"alg":"ES256","typ":"at+jwt","kid":"bare"}`)) + "." + b64(raw)
		sum := sha256.Sum256([]byte(input))
		x, y, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			panic(err)
		}
		var signature [64]byte
		x.FillBytes(signature[:32])
		y.FillBytes(signature[32:])
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": input + "." + b64(signature[:]), "expires_in": 600})
	})
	mux := http.NewServeMux()
	for name, h := range map[string]http.Handler{"plain": plain, "signing": signing} {
		mux.Handle("/bare/"+name, h)
		mux.Handle("/v1/"+name, api.Require(Scopes("notes:read"))(h))
	}
	mux.HandleFunc("/cpu", func(w http.ResponseWriter, _ *http.Request) {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			panic(err)
		}
		fmt.Fprint(w, u.Utime.Nano()+u.Stime.Nano())
	})
	server := httptest.NewServer(mux)
	fmt.Println(server.URL)
	select {}
}

// measured is the other side of it.
type measured struct {
	b      *testing.B
	url    string
	client *http.Client
}

func newMeasured(b *testing.B, m *maker) *measured {
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env, cmd.Stdin, cmd.Stderr = append(os.Environ(), "KIT_SERVER=1"), bytes.NewReader(m.jwks()), os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line := make([]byte, 200)
	n, err := out.Read(line)
	if err != nil {
		b.Fatal(err)
	}
	return &measured{b, strings.TrimSpace(string(line[:n])), &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
}

func (s *measured) cpu() (ns int64) {
	res, err := s.client.Get(s.url + "/cpu")
	if err != nil {
		s.b.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := fmt.Fscan(res.Body, &ns); err != nil {
		s.b.Fatal(err)
	}
	return ns
}

// run sends the requests, 32 at a time, and gives the server's CPU time for one in microseconds.
func (s *measured) run(path string, headers []http.Header) float64 {
	before := s.cpu()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(headers) {
					return
				}
				req, _ := http.NewRequest("GET", s.url+path, nil)
				req.Header = headers[i]
				res, err := s.client.Do(req)
				if err != nil || res.StatusCode != 200 {
					s.b.Errorf("%v %v", res, err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		})
	}
	wg.Wait()
	return float64(s.cpu()-before) / float64(len(headers)) / 1000
}

// BenchmarkRequest tells what a guarded request costs the API's process, as a multiple of the same handler without the kit: the median of
// rounds in which both are measured in turn. docs/benchmarks.md has the results.
func BenchmarkRequest(b *testing.B) {
	const requests, rounds = 2000, 7
	m := newMaker(b)
	s := newMeasured(b, m)
	now := time.Now().Unix()
	token := func(changes body) string {
		return m.token(changed(body{"iat": now, "exp": now + 3600, "jti": rand.Text()}, changes))
	}
	bound := token(body{"cnf": body{"jkt": m.thumbprint("client")}})
	makers := []struct {
		name string
		make func(path string) http.Header
	}{
		{"new", func(string) http.Header { return http.Header{"Authorization": {"Bearer " + token(nil)}} }},
		{"RS256", func(string) http.Header {
			return http.Header{"Authorization": {"Bearer " + m.sign("rs", "RS256", header{"alg": "RS256", "typ": "at+jwt", "kid": "rs"},
				good(body{"iat": now, "exp": now + 3600, "jti": rand.Text()}))}}
		}},
		{"seen", func() func(string) http.Header {
			one := token(nil)
			return func(string) http.Header { return http.Header{"Authorization": {"Bearer " + one}} }
		}()},
		{"DPoP", func(path string) http.Header {
			proof := m.proof(bound, body{"iat": time.Now().Unix(), "jti": rand.Text(), "htu": "https://api.example" + path})
			return http.Header{"Authorization": {"DPoP " + bound}, "Dpop": {proof}}
		}},
		{"DPoP-new", func(path string) http.Header {
			fresh := token(body{"cnf": body{"jkt": m.thumbprint("client")}})
			proof := m.proof(fresh, body{"iat": time.Now().Unix(), "jti": rand.Text(), "htu": "https://api.example" + path})
			return http.Header{"Authorization": {"DPoP " + fresh}, "Dpop": {proof}}
		}},
	}
	for _, handler := range []string{"plain", "signing"} {
		for _, c := range makers {
			b.Run(handler+"/"+c.name, func(b *testing.B) {
				s.b = b
				for range b.N {
					var ratios, costs []float64
					for range rounds {
						var headers []http.Header
						for range requests {
							headers = append(headers, c.make("/v1/"+handler))
						}
						bare := s.run("/bare/"+handler, headers)
						guarded := s.run("/v1/"+handler, headers)
						ratios, costs = append(ratios, guarded/bare), append(costs, bare)
					}
					slices.Sort(ratios)
					slices.Sort(costs)
					b.ReportMetric(ratios[rounds/2], "x-bare")
					b.ReportMetric(ratios[0], "x-least")
					b.ReportMetric(ratios[rounds-1], "x-most")
					b.ReportMetric(costs[rounds/2], "bare-µs")
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkVerify is the kit alone, without net/http.
func BenchmarkVerify(b *testing.B) {
	m := newMaker(b)
	api, err := New(issuer, resource, Options{HTTP: &http.Client{Transport: serving(issuer, string(m.jwks()))}})
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now().Unix()
	r := httptest.NewRequest("GET", target, nil)
	r.Header.Set("Authorization", "Bearer "+m.token(body{"iat": now, "exp": now + 3600}))
	for _, seen := range []bool{false, true} {
		b.Run(map[bool]string{false: "new", true: "seen"}[seen], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !seen {
					api.seen = &memory[*Token]{}
				}
				if _, err := api.Verify(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerifyBound is the kit alone with a proof and a new token.
func BenchmarkVerifyBound(b *testing.B) {
	m := newMaker(b)
	api, err := New(issuer, resource, Options{HTTP: &http.Client{Transport: serving(issuer, string(m.jwks()))}})
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now().Unix()
	token := m.token(body{"iat": now, "exp": now + 3600, "cnf": body{"jkt": m.thumbprint("client")}})
	r := httptest.NewRequest("GET", target, nil)
	r.Header.Set("Authorization", "DPoP "+token)
	r.Header.Set("DPoP", m.proof(token, body{"iat": now}))
	b.ReportAllocs()
	for b.Loop() {
		api.seen, api.o.DPoP.Replay = &memory[*Token]{}, &proofs{}
		if _, err := api.Verify(r); err != nil {
			b.Fatal(err)
		}
	}
}
