package server

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/crypto/bcrypt"

	"signet/admin"
	"signet/admin/proposals"
	"signet/admin/setting"
	"signet/audit"
	"signet/audit/seals"
	"signet/audit/trace"
	"signet/audit/webhook"
	"signet/clients"
	"signet/clients/keyset"
	"signet/clients/logo"
	"signet/clients/registration"
	"signet/config"
	"signet/internal/egress"
	"signet/internal/geoip"
	"signet/internal/mail"
	"signet/internal/outbox"
	"signet/internal/program"
	"signet/internal/release"
	"signet/internal/seal"
	"signet/internal/telemetry"
	"signet/internal/tracing"
	"signet/oauth/ciba"
	"signet/oauth/device"
	"signet/oauth/keys"
	"signet/oauth/logout"
	"signet/oauth/pushed"
	"signet/oauth/quota"
	"signet/oauth/subject"
	"signet/server/browser"
	"signet/server/discovery"
	"signet/server/health"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/deletion"
	"signet/users/export"
	"signet/users/factor"
	"signet/users/federation"
	"signet/users/federation/provider"
	"signet/users/firstrun"
	"signet/users/membership"
	"signet/users/metadata"
	"signet/users/passkey"
	"signet/users/password"
	"signet/users/password/breach"
	"signet/users/picture"
	"signet/users/recovery"
	"signet/users/session"
	"signet/users/ticket"
)

// Use is what Open opens for.
type Use int

// The uses.
const (
	// ForServing brings the schema up to date, makes master key and signing keys where there are none, and keeps a second server off
	// a SQLite file.
	ForServing Use = iota
	// ForActing writes, but neither migrates nor makes a file or a key.
	ForActing
	// ForReading writes nothing at all.
	ForReading
)

// Options of Open and New.
type Options struct {
	Use    Use
	Config config.Config // valid
	Log    *slog.Logger  // nil discards
	// Notice receives what the operator must read: that a master key was made. Nil drops it.
	Notice func(text string)

	// DB is a database that is open and migrated already; nil = open Config.Storage. The Services close it either way.
	DB *storage.DB
	// Tracer tells a collector what requests spend their time on; nil = nothing does. The caller ends it (Shutdown).
	Tracer *tracing.Tracer
	// Offline closes every way out: no email, no request, no job. For looking at a copy of a database.
	Offline bool
	// BcryptCost is for tests, which cannot wait; 0 = passwords.bcrypt_cost.
	BcryptCost int

	beside *Services // whose database and metrics are used, and stay theirs to close
}

// Services are the database and the services over it, without HTTP: what the server's handlers and the command line both call.
type Services struct {
	Config  config.Config
	Log     *slog.Logger
	Metrics *telemetry.Metrics
	DB      *storage.DB
	Master  *seal.Master
	Audit   *audit.Log
	Seals   *seals.Keeper   // show that audit events were changed
	Traces  *trace.Recorder // why requests were refused
	Keys    *keys.Ring
	Clients *clients.Registry
	Logos   *logo.Cache
	// Registrations lets applications register themselves, where the configuration does.
	Registrations *registration.Service
	unused        *quota.Quota // clients that nobody used and nobody vouches for
	// Documents makes clients known by what is at their ids.
	Documents *registration.Documents

	Outbox *mail.Outbox // nil = no mail
	// Deliveries wait for other servers, Logouts writes them.
	Deliveries *outbox.Outbox
	Logouts    *logout.Notices
	Webhooks   *webhook.Service // tell audit events to other systems
	Settings   *setting.Service // what of the configuration is kept in the database
	Sessions   *session.Sessions
	Tickets    *ticket.Tickets
	People     *users.Service
	Factors    *factor.Service
	Ways       *factor.Ways
	Recovery   *recovery.Service
	Metadata   metadata.Service // what administrators keep about people
	Deletion   *deletion.Service
	Export     *export.Service
	Pictures   *picture.Service
	Members    *membership.Service
	FirstRun   *firstrun.Service
	// Federation is nil where no upstream is configured.
	Federation *federation.Service
	Passkeys   *passkey.Service // nil where browsers offer none: at a bare IP address
	Admin      *admin.Service
	Proposals  *proposals.Service

	passwords    *password.Hasher             // hashes them
	tracer       *tracing.Tracer              // nil = nothing is traced
	pages        func() (*pages.Pages, error) // makes them
	places       *geoip.File                  // where addresses are; nil = nobody knows
	use          Use                          // what it was opened for
	bcryptCost   int                          // see Options.BcryptCost
	borrowed     bool                         // database and metrics are another's
	journal      *journal                     // acts that a restore must not undo; nil = none is kept
	offline      bool                         // see Options.Offline
	names        *subject.Names               // what clients call people; nil where nothing is signed
	clientKeys   *keyset.Cache                // what clients sign with
	pushes       *pushed.Requests             // authorization requests that apps pushed
	devices      *device.Requests             // of devices that wait for their person
	asked        *ciba.Requests               // of apps that wait for somebody whom they named; nil = there are none
	keysOut      *egress.Client               // the way out to clients' jwks_uri, which those need who authenticate
	fromClients  *egress.Client               // the way out to what else clients named: anybody may ask for it
	objectsOut   *egress.Client               // … and to request objects, by a link: the slow ones take no place of the others
	issuersOut   *egress.Client               // the way out to the keys of issuers that the operator chose
	issuerKeys   *keyset.Cache                // … and those keys
	roots        *x509.CertPool               // that requests of ours trust; nil = the system's
	lock         io.Closer                    // holds off a second server; nil = none is held
	leap         *health.LeapGuard            // keeps jobs from deleting by a clock that leapt
	schemaNoted  atomic.Pointer[string]       // what the log says about the schema; nil = nothing
	lastBackup   atomic.Pointer[time.Time]    // that the job knows of; nil = it has not looked
	unreadable   *lru.Cache[string, struct{}] // sealed values that were reported, by their place
	reports      sync.WaitGroup               // events of theirs being written
	webhookItems *outbox.Outbox               // events that wait for other systems

	file            config.Config // the configuration; Config has beside it what is kept in the database
	settingsVersion int64         // of that
}

// OpenDatabase opens the configured database for a use, and nothing else.
func OpenDatabase(ctx context.Context, c config.Config, log *slog.Logger, use Use) (*storage.DB, error) {
	o := storage.Options{
		DSN: c.Storage.DSN.Reveal(), Log: log, PoolSize: c.Storage.PoolSize,
		Existing: use != ForServing, ReadOnly: use == ForReading,
	}
	if line := c.Storage.PasswordCommand; line != "" && c.Storage.DSN.Postgres() {
		o.Password = program.NewSource(line, os.Environ()).Secret
	}
	db, err := storage.Open(ctx, o)
	if errors.Is(err, storage.ErrNoDatabase) {
		return nil, fmt.Errorf("storage.dsn: %w: `signet serve` makes it, or `signet migrate up`; name another with --data or --config", err)
	}
	if err != nil {
		return nil, fmt.Errorf("storage.dsn: %w", err)
	}
	return db, nil
}

// Open opens the services for a use: database, master key, key ring, services. The caller closes it.
func Open(ctx context.Context, o Options) (h *Services, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	o.Config = o.Config.Written()
	if o.Offline {
		o.Config = o.Config.Offline()
	}
	if err := needsMaster(o.Config); err != nil {
		return nil, err
	}
	roots, err := Roots(o.Config)
	if err != nil {
		return nil, err
	}
	h = &Services{Config: o.Config, Log: o.Log, Metrics: telemetry.NewMetrics(), DB: o.DB, use: o.Use, offline: o.Offline, roots: roots,
		tracer: o.Tracer}
	h.Metrics.Build(release.Version())
	if o.Config.Seed != nil { // nobody's secret is kept here, and tests cannot wait
		o.BcryptCost = bcrypt.MinCost
	}
	h.bcryptCost = o.BcryptCost
	h.pages = func() (*pages.Pages, error) { return h.newPages() }
	if o.Config.Seed != nil {
		h.pages = sync.OnceValues(h.pages)
		if o.beside == nil {
			go func() { _, _ = h.pages() }() // beside the database, which is empty
		}
	}
	if o.beside != nil {
		h.DB, h.Metrics, h.leap, h.borrowed = o.beside.DB, o.beside.Metrics, o.beside.leap, true
	}
	if h.DB == nil {
		if h.lock, err = lockFor(o); err != nil {
			return nil, err
		}
		if h.DB, err = OpenDatabase(ctx, o.Config, o.Log, o.Use); err != nil {
			return nil, errors.Join(err, h.lock.Close())
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
			h = nil
		}
	}()
	if !h.borrowed {
		h.leap = &health.LeapGuard{Store: h.DB, Log: h.Log}
		h.DB.Watch(h.Metrics.Statement, h.Metrics.Retried)
		if err := h.fitSchema(ctx, o); err != nil {
			return h, err
		}
	}
	if h.Master, err = openMaster(ctx, o, h.DB); err != nil {
		return h, err
	}
	if h.unreadable, err = lru.New[string, struct{}](reportedValues); err != nil {
		return h, err
	}
	h.Audit = audit.New(h.DB)
	if err := h.takeSettings(ctx); err != nil {
		return h, err
	}
	if h.Seals, err = h.openSeals(); err != nil {
		return h, err
	}
	known := func(id string) bool { return h.Clients.Remembers(id) } // they are opened later
	h.Traces = trace.New(trace.Options{Store: h.DB, Known: known, Keep: h.Config.Audit.Traces})
	h.journal = h.newJournal()
	if err := h.openProtocol(ctx, o.Use); err != nil {
		return h, err
	}
	if err := h.openSignout(); err != nil {
		return h, err
	}
	if err := h.openWebhooks(); err != nil {
		return h, err
	}
	if err := errors.Join(h.openSettings(), h.openPeople(o)); err != nil {
		return h, err
	}
	return h, h.openAdmin()
}

// reportedValues is of how many unreadable values it is remembered that they were reported.
const reportedValues = 4096

// release waits for what is being written off the request path.
func (h *Services) release() {
	if h.Clients != nil { // nil where Open failed before
		h.Clients.Close()
	}
	if h.Documents != nil {
		h.Documents.Close()
	}
	h.reports.Wait()
}

// Close waits for what is being written off the request path, then closes the database.
func (h *Services) Close() error {
	h.release()
	if h.borrowed {
		return nil
	}
	err := errors.Join(h.closeJournal(), h.DB.Close())
	if h.lock != nil {
		err = errors.Join(err, h.lock.Close())
		h.lock = nil
	}
	return err
}

// Server is the services with their HTTP handlers.
type Server struct {
	services  *Services
	mux       *web.Mux
	handler   http.Handler
	health    *health.Handler
	discovery *discovery.Handler
	visitors  *browser.Browser
	delivery  *mail.Delivery // nil = no mail
	logouts   *outbox.Delivery
	webhooks  *outbox.Delivery
	versions  atomic.Pointer[storage.Versions] // as last seen, see Watch

	asking       http.Handler // the public side where client certificates are asked for
	internal     http.Handler // metrics and health, and the API of administrators where it is nowhere else
	options      web.Options
	acts         []web.Mounter // that API, where it is at the internal listener
	certificates []*certificate
	generations  *generations // what it is one of
}

// startTime bounds what New asks of the database.
const startTime = 30 * time.Second

// New mounts all handlers over the services. It refuses a database with values under a master key that is not listed (reseal.ErrUnlisted).
func New(h *Services) (*Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	if err := h.CheckMasterKeys(ctx); err != nil {
		return nil, err
	}
	if err := errors.Join(h.warnOfSharedIDs(ctx), h.warnOfUnknownClients(ctx)); err != nil {
		return nil, err
	}
	names, err := subject.Open(ctx, h.DB, h.Master) // before any handler is built over them
	if err != nil {
		return nil, err
	}
	h.names = names
	s := &Server{services: h}
	mux, err := s.mount()
	if err != nil {
		return nil, err
	}
	s.mux, s.handler, s.asking = mux, mux.Handler(), mux.CertificateHandler()
	if h.Config.Seed != nil {
		s.handler = h.rsaOnNeed(s.handler)
	}
	s.internal = s.inside(s.acts, s.health.Internal(h.Metrics.Handler()))
	s.generations = newGenerations(s)
	return s, s.discovery.Rebuild()
}

// Services it was made over.
func (s *Server) Services() *Services { return s.services }

// Handler is the public side, of whichever configuration was loaded last.
func (s *Server) Handler() http.Handler {
	return s.now(func(s *Server) http.Handler { return s.handler })
}

// now hands requests to a side of the current server.
func (s *Server) now(side func(s *Server) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { side(s.generations.current.Load()).ServeHTTP(w, r) })
}

// Routes are those of the public side, with what they declare.
func (s *Server) Routes() *web.Mux { return s.mux }

// InternalHandler is metrics and health, and the API of administrators where it is internal.
func (s *Server) InternalHandler() http.Handler {
	return s.now(func(s *Server) http.Handler { return s.internal })
}

// Check looks at what config.Validate cannot know: whether clients and resources hold together and the files it names are
// there and fit. It opens no database.
//
// A tree that config.Load finds fault with may be looked at too, so that everything is said at once.
func Check(c config.Config) error {
	if u, err := url.Parse(c.Server.Issuer); err != nil || u.Host == "" {
		c.Server.Issuer = "https://issuer.invalid" // which Load has said
	}
	metadata, err := declaredClients(c)
	errs := []error{err}
	for _, m := range metadata {
		if m.ClientID != "" { // Load misses it
			errs = append(errs, under("clients["+m.ClientID+"].", m.WithDefaults().Validate(c.Apps.PrivateSchemes...)))
		}
	}
	for _, r := range declaredResources(c) {
		if r.Identifier != "" {
			errs = append(errs, under("resources["+r.Identifier+"].", r.Validate()))
		}
	}
	if c.Passwords.BreachFile != "" {
		errs = append(errs, under("passwords.breach_file: ", breach.CheckFile(c.Passwords.BreachFile)))
	}
	if c.GeoIP.File != "" {
		_, err := geoip.Open(c.GeoIP.File)
		errs = append(errs, under("geoip.file: ", err))
	}
	errs = append(errs, checkFIPS(c, metadata), checkTLS("server.tls", c.Server.TLS), checkMTLS(c), checkBackups(c))
	out, err := UpstreamClient(c)
	if errs = append(errs, err); err != nil {
		return errors.Join(errs...)
	}
	for _, u := range c.Upstreams {
		_, err := provider.New(UpstreamSettings(u), out.HTTP())
		if err != nil {
			err = fmt.Errorf("upstreams[%s]: %w", u.ID, err)
		}
		errs = append(errs, err)
	}
	for _, u := range c.Upstreams {
		if u.Logo != "" {
			_, err := readUpstreamLogo(u)
			errs = append(errs, err)
		}
	}
	if c.Seed == nil { // a test server has no second round to spare: New looks at once
		_, err = newPages(c, nil)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// under puts a key before each of several mistakes.
func under(key string, err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		if err == nil {
			return nil
		}
		return fmt.Errorf("%s%w", key, err)
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, under(key, one))
	}
	return errors.Join(all...)
}
