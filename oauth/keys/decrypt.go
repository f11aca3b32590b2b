package keys

import (
	"errors"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"signet/clients/algs"
)

// ErrSealed: what somebody encrypted to us cannot be opened. The text says why, for the log; who sent it must not learn more than this.
var ErrSealed = errors.New("not encrypted to a key of ours")

func sealedMistake(why string) error { return errors.Join(ErrSealed, errors.New(why)) }

var (
	keyAlgs  = listOf[jose.KeyAlgorithm](algs.Keys)
	contents = listOf[jose.ContentEncryption](algs.Contents)
)

func listOf[T ~string](names []string) (list []T) {
	for _, name := range names {
		list = append(list, T(name))
	}
	return list
}

// maxTries bounds the keys that are tried for a text that names none.
const maxTries = 4

// Decrypt opens a compact JWE (RFC 7516) that was encrypted to a key of ours, with one of algs.Keys and algs.Contents. Nothing is unpacked:
// a text that was compressed before is refused, as it could be of any size (RFC 8725 section 3.6). Keys in its header count for nothing.
// Errors are ErrSealed.
func (r *Ring) Decrypt(text string) ([]byte, error) {
	if len(text) > maxToken {
		return nil, sealedMistake("too long")
	}
	jwe, err := jose.ParseEncryptedCompact(text, keyAlgs, contents)
	if err != nil {
		return nil, sealedMistake("malformed, or of an algorithm that is not offered")
	}
	h := jwe.Header
	for _, name := range []jose.HeaderKey{"zip", "crit"} {
		if _, ok := h.ExtraHeaders[name]; ok {
			return nil, sealedMistake("header has " + string(name))
		}
	}
	for _, k := range r.seen.Load().opens(h.Algorithm, h.KeyID) {
		if plain, err := jwe.Decrypt(k.private); err == nil {
			return plain, nil
		}
	}
	return nil, sealedMistake("no key of ours opens it")
}

// opens are the keys that a text of the algorithm may have been encrypted to, the newest first.
func (s *snapshot) opens(alg, kid string) []*key {
	kind := ForCurves
	if strings.HasPrefix(alg, "RSA-") {
		kind = ForRSA
	}
	if kid != "" {
		if k := s.keys[kid]; k != nil && k.row.Alg == kind {
			return []*key{k}
		}
		return nil
	}
	var fit []*key
	for _, k := range s.keys {
		if k.row.Alg == kind {
			fit = append(fit, k)
		}
	}
	slices.SortFunc(fit, byRank([]string{kind}))
	return fit[:min(len(fit), maxTries)]
}
