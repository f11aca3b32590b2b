package breach

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the interface's own digest
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"signet/internal/egress"
)

// prefix is how much of a hash the server is told: one of about a million beginnings.
const prefix = 5

// Fetcher is the guarded way out.
type Fetcher interface {
	Fetch(ctx context.Context, q egress.Request) (egress.Response, error)
}

// Range asks a server of the well-known range interface: GET URL/ABCDE answers lines of the other 35 digits and a count.
type Range struct {
	URL     string
	Fetcher Fetcher
	// Failed is told of a question that could not be answered. Nil drops it.
	Failed func(err error)
}

// Has asks for all hashes with the same beginning. Answers are padded on both sides' wish, so that their length tells nothing;
// padding has the count 0.
func (r *Range) Has(ctx context.Context, digest [sha1.Size]byte) (bool, error) {
	found, err := r.has(ctx, strings.ToUpper(hex.EncodeToString(digest[:])))
	if err != nil && r.Failed != nil {
		r.Failed(err)
	}
	return found, err
}

func (r *Range) has(ctx context.Context, hash string) (bool, error) {
	answer, err := r.Fetcher.Fetch(ctx, egress.Request{
		URL: strings.TrimRight(r.URL, "/") + "/" + hash[:prefix], Types: []string{"text/plain"},
		Header: map[string]string{"Add-Padding": "true"},
	})
	if err != nil {
		return false, err
	}
	if answer.Status != http.StatusOK {
		return false, fmt.Errorf("range of breached passwords: status %d", answer.Status)
	}
	for line := range bytes.Lines(answer.Body) {
		suffix, count, _ := strings.Cut(strings.TrimSpace(string(line)), ":")
		if strings.EqualFold(suffix, hash[prefix:]) && count != "0" {
			return true, nil
		}
	}
	return false, nil
}
