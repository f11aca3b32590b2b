package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"signet/config"
	"signet/internal/regular"
	"signet/internal/telemetry"
	"signet/server/web"
)

// Listeners are those of the server, open but not yet served.
type Listeners struct {
	Public   net.Listener
	Internal net.Listener // nil = off
	MTLS     net.Listener // asks for client certificates (RFC 8705); nil = off
}

// Listen opens the listeners of a configuration, but for those that the service manager hands over.
func Listen(c config.Config) (l Listeners, err error) {
	given, err := handed()
	if err != nil {
		return l, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
			l = Listeners{}
		}
	}()
	if l.Public = given[handedPublic]; l.Public == nil {
		l.Public, err = net.Listen("tcp", c.Server.Listen)
	}
	if err != nil {
		return l, fmt.Errorf("server.listen: %w; choose another with --listen", err)
	}
	if given[handedMTLS] != nil && c.Server.MTLS.Listen == "" {
		return l, errors.New("server.mtls.listen is not set, and the service manager hands over a socket for it")
	}
	if l.MTLS, err = listen(given[handedMTLS], c.Server.MTLS.Listen); err != nil {
		return l, fmt.Errorf("server.mtls.listen: %w; choose another", err)
	}
	l.Internal, err = listen(given[handedInternal], c.Server.InternalListen)
	if errors.Is(err, syscall.EADDRINUSE) && c.LocalTrial() && c.Origin("server.internal_listen") == config.OriginDefault {
		l.Internal, err = net.Listen("tcp", "127.0.0.1:0") // a second trial on this machine; nobody has chosen the port
	}
	if err != nil {
		return l, fmt.Errorf("server.internal_listen: %w; choose another, or \"\" for none (SIGNET_SERVER_INTERNAL_LISTEN)", err)
	}
	return l, nil
}

// listen opens an address, unless a listener was handed over for it; nil where there is neither.
func listen(given net.Listener, address string) (net.Listener, error) {
	if given != nil || address == "" {
		return given, nil
	}
	return net.Listen("tcp", address)
}

// Close closes all of them.
func (l Listeners) Close() error {
	var errs []error
	for _, one := range []net.Listener{l.Public, l.Internal, l.MTLS} {
		if one != nil {
			errs = append(errs, one.Close())
		}
	}
	return errors.Join(errs...)
}

// Run serves on the listeners and runs the jobs until ctx ends; then it finishes the requests in hand, for as long as
// server.shutdown_grace, and returns. ready, if not nil, is called once requests are answered. It does not close the Services.
func (s *Server) Run(ctx context.Context, l Listeners, ready func()) error {
	certificate, err := s.loadTLS("server.tls", s.services.Config.Server.TLS)
	var asking *http.Server
	if err == nil && l.MTLS != nil {
		asking, err = s.mtlsServer()
	}
	if err != nil {
		return errors.Join(err, l.Close())
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	public := s.httpServer(s.Handler())
	public.TLSConfig = certificate
	servers := []*http.Server{public}

	var wg sync.WaitGroup
	serve := func(name string, run func() error) {
		wg.Go(func() {
			if err := run(); err != nil && !errors.Is(err, http.ErrServerClosed) {
				stop(fmt.Errorf("%s listener: %w", name, err))
			}
		})
	}
	serve("public", func() error {
		if certificate != nil {
			return public.ServeTLS(l.Public, "", "")
		}
		return public.Serve(l.Public)
	})
	if l.Internal != nil {
		internal := s.httpServer(s.InternalHandler())
		servers = append(servers, internal)
		serve("internal", func() error { return internal.Serve(l.Internal) })
	}
	if asking != nil {
		servers = append(servers, asking)
		serve("mTLS", func() error { return asking.ServeTLS(l.MTLS, "", "") })
	}
	wg.Go(func() { s.workOn(ctx) })
	if ready != nil {
		ready()
	}
	<-ctx.Done()
	err = s.drain(servers)
	wg.Wait()
	s.generations.end()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		err = errors.Join(cause, err)
	}
	return err
}

// drain stops accepting, waits for requests in hand and cuts what is left after the grace.
func (s *Server) drain(servers []*http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.services.Config.Server.ShutdownGrace)
	defer cancel()
	var wg sync.WaitGroup
	errs := make([]error, len(servers))
	for i, srv := range servers {
		wg.Go(func() {
			if err := srv.Shutdown(ctx); err != nil {
				errs[i] = errors.Join(fmt.Errorf("some requests were cut off after %s", s.services.Config.Server.ShutdownGrace), srv.Close())
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s *Server) httpServer(h http.Handler) *http.Server {
	srv := &http.Server{
		Handler:  h,
		ErrorLog: slog.NewLogLogger(s.services.Log.Handler(), slog.LevelDebug), // broken connections, scanners
	}
	web.Harden(srv)
	return srv
}

// suites of TLS 1.2: forward secrecy and AEAD only. TLS 1.3 has its own.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
}

// loadTLS prepares native TLS; nil if it is off. A renewed certificate is taken up without a restart.
func (s *Server) loadTLS(key string, t config.TLS) (*tls.Config, error) {
	if !t.On() {
		return nil, nil
	}
	c := &certificate{files: t, metrics: s.services.Metrics, listener: "public"}
	if key != "server.tls" {
		c.listener = "mtls"
	}
	if _, err := c.get(nil); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	s.certificates = append(s.certificates, c)
	return &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: suites, GetCertificate: c.get}, nil
}

// checkTLS says what is wrong with either file, and with both together.
func checkTLS(key string, t config.TLS) error {
	if t.CertFile == "" || t.KeyFile == "" { // native TLS is off, or Load misses one
		return nil
	}
	cert, certErr := regular.Read(t.CertFile, regular.PEM)
	if certErr != nil {
		certErr = fmt.Errorf("%s.cert_file: %w; name a PEM file that this account can read", key, certErr)
	}
	private, keyErr := regular.Read(t.KeyFile, regular.PEM)
	if keyErr != nil {
		keyErr = fmt.Errorf("%s.key_file: %w; name a PEM file that this account can read", key, keyErr)
	}
	if certErr != nil || keyErr != nil {
		return errors.Join(certErr, keyErr)
	}
	if _, err := tls.X509KeyPair(cert, private); err != nil {
		return fmt.Errorf("%s: the certificate and its key do not fit: %w; name the chain in cert_file and its own key in key_file", key, err)
	}
	return nil
}

// certificate is the pair in use; its files are looked at again at most once a minute, at a handshake.
type certificate struct {
	files    config.TLS
	metrics  *telemetry.Metrics
	listener string // as metrics call it

	mu      sync.Mutex
	pair    *tls.Certificate
	changed time.Time // newest of the files' times
	looked  time.Time
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.pair != nil && now.Sub(c.looked) < time.Minute {
		return c.pair, nil
	}
	c.looked = now
	changed, err := newest(c.files.CertFile, c.files.KeyFile)
	if err == nil && c.pair != nil && !changed.After(c.changed) {
		return c.pair, nil
	}
	pair, loadErr := regular.KeyPair(c.files.CertFile, c.files.KeyFile)
	if err = errors.Join(err, loadErr); err != nil {
		if c.pair != nil { // one of the two renewed: go on with the old one, look again in a minute
			return c.pair, nil
		}
		return nil, err
	}
	c.pair, c.changed = &pair, changed
	c.metrics.CertificateExpires(c.listener, pair.Leaf.NotAfter)
	return c.pair, nil
}

// look has the files looked at again at the next handshake.
func (c *certificate) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = time.Time{}
}

func newest(names ...string) (time.Time, error) {
	var at time.Time
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return at, err
		}
		if info.ModTime().After(at) {
			at = info.ModTime()
		}
	}
	return at, nil
}
