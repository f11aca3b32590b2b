package server

import "signet/internal/egress"

// wayOut makes a client for requests of ours; an offline server's reaches nobody.
func (h *Services) wayOut(o egress.Options) *egress.Client {
	o.Off = o.Off || h.offline
	return egress.New(o)
}
