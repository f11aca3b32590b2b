package server

import (
	"net"
	"testing"

	"signet/config"
)

func TestASecondTrialTakesAFreeInternalPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, test := range map[string]struct {
		environ []string
		works   bool
	}{
		"trial":           {nil, true},
		"issuer set":      {[]string{"SIGNET_SERVER_ISSUER=http://localhost:9400"}, false},
		"port was chosen": {[]string{"SIGNET_SERVER_INTERNAL_LISTEN=" + taken.Addr().String()}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := config.Load(config.Sources{Environ: append(test.environ, "SIGNET_SERVER_LISTEN=127.0.0.1:0")})
			if err != nil {
				t.Fatal(err)
			}
			c.Server.InternalListen = taken.Addr().String()
			l, err := Listen(c)
			if (err == nil) != test.works {
				t.Fatalf("got %v", err)
			}
			if err != nil {
				return
			}
			defer l.Close()
			if at := l.Internal.Addr().(*net.TCPAddr); !at.IP.IsLoopback() || at.String() == taken.Addr().String() {
				t.Errorf("listens at %s", at)
			}
		})
	}
}
