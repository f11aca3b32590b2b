package status

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"signet/clients"
)

const (
	perList     = 1 << 18 // places of a list
	block       = 1024    // places reserved at once
	rememberers = 4096    // clients whose place is remembered
)

// Places gives grants and clients their places. It is safe for concurrent use.
type Places struct {
	store Store
	base  string // of the lists' addresses

	mu   sync.Mutex
	free []int64
	ofs  *lru.Cache[string, clientPlace]
}

// clientPlace is the place of a client that was made at a time: one that was deleted and made again has another.
type clientPlace struct{ made, index int64 }

// Next is a place for a new grant. Of the places that are reserved at once any is given, so that nobody reads from them how many grants are
// made.
func (p *Places) Next(ctx context.Context) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.fill(ctx); err != nil {
		return 0, err
	}
	index := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	return index, nil
}

// Warm reserves places before the first one is needed.
func (p *Places) Warm(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fill(ctx)
}

// fill reserves places if none is left.
func (p *Places) fill(ctx context.Context) error {
	if len(p.free) == 0 {
		first, err := p.store.ReserveStatus(ctx, block)
		if err != nil {
			return fmt.Errorf("reserve places in the status lists: %w", err)
		}
		p.free = make([]int64, block)
		for i := range p.free {
			p.free[i] = first + int64(i)
		}
		shuffle(p.free)
	}
	return nil
}

// shuffle orders by random numbers.
func shuffle(places []int64) {
	random := make([]byte, 8*len(places))
	_, _ = rand.Read(random) // never fails
	for i := len(places) - 1; i > 0; i-- {
		j := binary.NativeEndian.Uint64(random[8*i:]) % uint64(i+1)
		places[i], places[j] = places[j], places[i]
	}
}

// OfClient is the claim status of tokens that a client gets for itself.
func (p *Places) OfClient(ctx context.Context, c *clients.Client) (json.RawMessage, error) {
	made := int64(0)
	if !c.CreatedAt.IsZero() {
		made = c.CreatedAt.UnixMicro()
	}
	known, ok := p.ofs.Get(c.ClientID)
	if !ok || known.made != made {
		index, err := p.store.ClientStatus(ctx, c.ClientID, p.Next)
		if err != nil {
			return nil, fmt.Errorf("find a client's place in the status lists: %w", err)
		}
		known = clientPlace{made, index}
		p.ofs.Add(c.ClientID, known)
	}
	return p.Claim(known.index), nil
}

// Claim is the claim status of a place (Token Status List section 6.2); nil for 0.
func (p *Places) Claim(index int64) json.RawMessage {
	if index <= 0 {
		return nil
	}
	b := make([]byte, 0, 64+len(p.base))
	b = strconv.AppendInt(append(b, `{"status_list":{"idx":`...), index%perList, 10)
	b = strconv.AppendInt(append(append(b, `,"uri":"`...), p.base...), index/perList, 10)
	return append(b, `"}}`...)
}
