package servertest

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"signet/config"
	"signet/internal/tracing"
	"signet/oauth/keys"
	"signet/server"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
)

// Server is a running Signet.
type Server struct {
	*server.Server
	URL  string       // the issuer
	HTTP *http.Client // keeps no cookies and follows no redirects
	// Address is where requests seem to come from, without sockets; "" = 192.0.2.1.
	Address string
	// MTLS is the address of the listener that asks for client certificates; "" = there is none.
	MTLS string

	issuer    *url.URL
	transport http.RoundTripper
}

// Password of every Person that is given no other; NewPassword is another good one.
const (
	Password    = "correct horse battery staple"
	NewPassword = "a fresh and long sentence"
)

type options struct {
	yaml        string
	path        string
	postgres    bool
	handlerOnly bool
	trial       bool
	db          *storage.DB
	log         slog.Handler
	change      []func(*config.Config)
	mail        bool
	quiet       bool
	tracer      *tracing.Tracer
}

// Option of New.
type Option func(*options)

// YAML is the configuration file: clients, resources, anything but the issuer and the database.
func YAML(text string) Option { return func(o *options) { o.yaml = text } }

// Change changes the loaded configuration.
func Change(f func(c *config.Config)) Option {
	return func(o *options) { o.change = append(o.change, f) }
}

// Path gives the issuer a path, like "/tenant".
func Path(path string) Option { return func(o *options) { o.path = path } }

// Postgres runs it on a throw-away cluster instead of SQLite.
func Postgres() Option { return func(o *options) { o.postgres = true } }

// On runs it on a database that is open and migrated already: a second replica.
func On(db *storage.DB) Option { return func(o *options) { o.db = db } }

// Log also hands every log record to h: wide events can be looked at.
func Log(h slog.Handler) Option { return func(o *options) { o.log = h } }

// Traced has its requests traced.
func Traced(t *tracing.Tracer) Option { return func(o *options) { o.tracer = t } }

// Quiet logs warnings and errors only: for tests that ask thousands of times.
func Quiet() Option { return func(o *options) { o.quiet = true } }

// HandlerOnly opens no socket and runs no jobs; the issuer is https://id.example.com. Works in a synctest bubble.
func HandlerOnly() Option { return func(o *options) { o.handlerOnly = true } }

// LocalTrial sets no issuer: the demo app is there.
func LocalTrial() Option { return func(o *options) { o.trial = true } }

// Engines runs a test on both databases.
func Engines(t *testing.T, test func(t *testing.T, engine Option)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, func(*options) {}) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres()) })
}

// masterKey of every test server: the keys made once below are sealed with it.
const masterKey = "c2VydmVydGVzdC1zZXJ2ZXJ0ZXN0LW1hc3Rlci1rZXk"

// New starts a server that ends with the test.
func New(t testing.TB, opts ...Option) *Server {
	t.Helper()
	o := options{}
	for _, opt := range opts {
		opt(&o)
	}
	var listeners server.Listeners
	c := o.load(t, "127.0.0.1:0", "https://id.example.com"+o.path)
	if !o.handlerOnly {
		var err error
		if listeners, err = server.Listen(c); err != nil {
			t.Fatal(err)
		}
		address := listeners.Public.Addr().(interface{ String() string }).String()
		c = o.load(t, address, "http://localhost:"+port(address)+o.path)
	}
	h, err := server.Open(t.Context(), server.Options{Config: c, Log: o.logger(t), DB: o.database(t), BcryptCost: bcrypt.MinCost,
		Tracer: o.tracer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil && o.db == nil {
			t.Errorf("close: %v", err)
		}
	})
	made, err := server.New(h)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Server: made, URL: c.Server.Issuer, issuer: c.IssuerURL()}
	if o.handlerOnly {
		s.transport = direct{s}
		if o.mail {
			s.post(t)
		}
	} else {
		s.transport = socket(t)
		if listeners.MTLS != nil {
			s.MTLS = listeners.MTLS.Addr().String()
		}
		s.run(t, listeners)
	}
	s.transport = Documented(s.transport)
	s.HTTP = &http.Client{Transport: s.transport, CheckRedirect: stay}
	return s
}

func port(address string) string {
	u := url.URL{Host: address}
	return u.Port()
}

func (o options) logger(t testing.TB) *slog.Logger {
	level := slog.LevelDebug
	if o.quiet {
		level = slog.LevelWarn
	}
	out := slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level})
	if o.log == nil {
		return slog.New(out)
	}
	return slog.New(slog.NewMultiHandler(out, o.log))
}

// load makes the configuration as the binary does.
func (o options) load(t testing.TB, listen, issuer string) config.Config {
	t.Helper()
	sources := config.Sources{Listen: listen, Issuer: issuer, Environ: []string{"SIGNET_MASTER_KEY=" + masterKey}}
	if o.trial {
		sources.Issuer = ""
	}
	sources.ReadFile = func(name string) ([]byte, error) {
		if name == config.DefaultFile {
			return []byte(o.yaml), nil
		}
		return nil, fs.ErrNotExist
	}
	c, err := config.Load(sources)
	if err != nil {
		t.Fatal(err)
	}
	c.Server.InternalListen = ""
	for _, change := range o.change {
		change(&c)
	}
	return c
}

// database opens one with keys in it, which take long to make.
func (o options) database(t testing.TB) *storage.DB {
	t.Helper()
	if o.db != nil {
		return o.db
	}
	db := o.open(t)
	rows, err := ring()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now() // a bubble's
	for _, k := range rows {
		k.MadeAt, k.SignsFrom = now, now
		if err := db.InsertKey(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func (o options) open(t testing.TB) *storage.DB {
	t.Helper()
	if o.postgres {
		return storagetest.Postgres(t.(*testing.T))
	}
	db, err := storage.Open(t.Context(), storage.Options{DSN: storagetest.SQLiteDSN(t), Wait: storagetest.Patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // the server has closed it, unless it was never built
	return db
}

// run serves until the test ends.
func (s *Server) run(t testing.TB, l server.Listeners) {
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx, l, nil); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() { stop(); wg.Wait() })
}

// post delivers emails until the test ends, where no job does.
func (s *Server) post(t testing.TB) {
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.Deliver(ctx) })
	t.Cleanup(func() { stop(); wg.Wait() })
}

func socket(t testing.TB) http.RoundTripper {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// direct calls the handler without a socket.
type direct struct{ s *Server }

// addressKey is the context's key of Browser.Address.
type addressKey struct{}

// RoundTrip implements http.RoundTripper.
func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	in := req.Clone(req.Context())
	in.RequestURI, in.Host = req.URL.RequestURI(), req.URL.Host
	in.RemoteAddr = "192.0.2.1:1234"
	if d.s.Address != "" {
		in.RemoteAddr = d.s.Address + ":1234"
	}
	if own, ok := req.Context().Value(addressKey{}).(string); ok {
		in.RemoteAddr = own + ":1234"
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	out := httptest.NewRecorder()
	d.s.Handler().ServeHTTP(out, in)
	_ = in.Body.Close()
	res := out.Result()
	res.Request = req
	return res, nil
}

// origin of the issuer.
func (s *Server) origin() string { return s.issuer.Scheme + "://" + s.issuer.Host }

// Person is somebody with an account.
type Person struct {
	storage.User
	Password string
}

// Person creates one with a verified address and the name Ada Lovelace; change may alter what is asked for.
func (s *Server) Person(t testing.TB, email string, change ...func(r *users.Registration)) Person {
	t.Helper()
	r := users.Registration{
		Email: email, Name: "Ada Lovelace", Voucher: users.VouchedByOperator(), Verification: users.VerifiedByOperator(),
		Method: users.WithPassword(Password),
	}
	for _, f := range change {
		f(&r)
	}
	u, err := s.Services().People.CreateAccount(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return Person{u, Password}
}

// ring makes the keys of all test servers once per test process.
var ring = sync.OnceValues(func() ([]storage.Key, error) {
	store := &memory{}
	master, err := parseMaster()
	if err != nil {
		return nil, err
	}
	_, err = keys.Open(context.Background(), keys.Options{Store: store, Locks: store, Master: master})
	return store.rows, err
})
