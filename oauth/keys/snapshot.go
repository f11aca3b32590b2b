package keys

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"signet/internal/seal"
	"signet/storage"
)

// snapshot is the ring as one reading found it; immutable.
type snapshot struct {
	print   [sha256.Size]byte
	version uint64
	keys    map[string]*key   // by kid, all of them
	signers map[string]*key   // by algorithm
	first   map[string]*key   // by algorithm: the one that will sign, for those that no key signs with yet
	headers map[string]header // every header a token of ours may carry, encoded: a token with another is not ours
	refresh epochs
	algs    []string
	jwks    []byte
	etag    string
	damaged []storage.Key // rows that do not open, though their master key is listed
}

// header is what an accepted first segment stands for.
type header struct {
	key *key
	typ string
}

// key is one unsealed signing key.
type key struct {
	row     storage.Key
	alg     *algorithm
	private crypto.Signer
	public  jose.JSONWebKey
	headers map[string]string // by typ: the encoded first segment
}

func newSnapshot(rows []storage.Key, o Options, old *snapshot) (*snapshot, error) {
	s := &snapshot{
		print: fingerprint(rows), version: 1,
		keys: map[string]*key{}, signers: map[string]*key{}, first: map[string]*key{}, headers: map[string]header{},
	}
	if old != nil {
		s.version = old.version + 1
	}
	var known []int64
	for _, row := range rows {
		if row.Alg == Refresh {
			epoch, err := openEpoch(row, o.Master)
			if errors.Is(err, seal.ErrDamaged) { // the row keeps no secret: its key is derived from the master key and the name
				s.damaged = append(s.damaged, row)
				epoch, err = epochOf(row.KID)
			}
			if err != nil {
				return nil, err
			}
			known = append(known, epoch)
			continue
		}
		k, err := openKey(row, o.Master, old)
		if errors.Is(err, seal.ErrDamaged) && row.State != active { // what it signed is refused; the others go on (rule V09)
			s.damaged = append(s.damaged, row)
			continue
		}
		if err != nil {
			return nil, err
		}
		s.add(k)
	}
	s.refresh = newEpochs(o.Master, known)
	for _, alg := range ranked(o.Algs) {
		own := slices.Contains(o.Algs, alg)
		if own && s.signers[alg] != nil || !own && slices.Contains(o.OnNeed, alg) && algorithms[alg].sign != nil {
			s.algs = append(s.algs, alg)
		}
	}
	return s, s.publish(ranked(o.Algs))
}

func (s *snapshot) add(k *key) {
	s.keys[k.row.KID] = k
	for typ, h := range k.headers {
		if k.row.State == retired && typ != TypID {
			continue // what else it signed has expired
		}
		s.headers[h] = header{k, typ}
	}
	if k.row.State == active {
		if now := s.signers[k.row.Alg]; now == nil || newer(k.row, now.row) {
			s.signers[k.row.Alg] = k
		}
	}
	if k.row.State == next {
		if now := s.first[k.row.Alg]; now == nil || newer(now.row, k.row) {
			s.first[k.row.Alg] = k
		}
	}
}

// publish prepares the JWKS: by algorithm in the configured order, within one the signing key first, so that a client that
// ignores kid takes the one it most likely needs.
func (s *snapshot) publish(algs []string) error {
	var published []*key
	for _, k := range s.keys {
		if k.row.State == retired || k.row.State == retiring && encrypts(k.row.Alg) { // nobody begins to encrypt to it
			continue
		}
		published = append(published, k)
	}
	slices.SortFunc(published, byRank(algs))
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range published {
		set.Keys = append(set.Keys, k.public)
	}
	body, err := json.Marshal(set)
	if err != nil {
		return err
	}
	s.jwks, s.etag = body, `"`+segment.EncodeToString(digestOf(body))+`"`
	return nil
}

// openKey unseals a row, or takes the key from the older snapshot: the kid is the key's thumbprint, so it is the same one.
func openKey(row storage.Key, m *seal.Master, old *snapshot) (*key, error) {
	if old != nil && old.keys[row.KID] != nil {
		k := *old.keys[row.KID]
		k.row = row
		return &k, nil
	}
	alg := algorithms[row.Alg]
	if alg == nil {
		return nil, fmt.Errorf("key %q has the unknown algorithm %q", row.KID, row.Alg)
	}
	der, err := m.Open(row.Sealed, placeOf(row))
	if err != nil {
		return nil, fmt.Errorf("open key %q: %w", row.KID, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("open key %q: %w", row.KID, err)
	}
	private, ok := parsed.(crypto.Signer)
	if !ok || !alg.fits(private) {
		return nil, fmt.Errorf("key %q does not fit its algorithm %s", row.KID, row.Alg)
	}
	k, err := newKey(row, private)
	if err != nil {
		return nil, err
	}
	if k.public.KeyID != row.KID {
		return nil, fmt.Errorf("key %q is not the key of its thumbprint", row.KID)
	}
	return k, nil
}

func newKey(row storage.Key, private crypto.Signer) (*key, error) {
	public := jose.JSONWebKey{Key: private.Public(), Algorithm: row.Alg, Use: "sig"}
	if encrypts(row.Alg) { // with whichever algorithm goes with the kind of key
		public.Algorithm, public.Use = "", "enc"
	}
	thumbprint, err := public.Thumbprint(crypto.SHA256) // RFC 7638
	if err != nil {
		return nil, err
	}
	public.KeyID = segment.EncodeToString(thumbprint)
	k := &key{row: row, alg: algorithms[row.Alg], private: private, public: public, headers: map[string]string{}}
	if k.alg.sign == nil {
		return k, nil
	}
	for _, typ := range []string{TypAccess, TypID, TypLogout, TypIntrospection, TypStatus, TypIDJAG} {
		k.headers[typ] = encodeHeader(row.Alg, public.KeyID, typ)
	}
	return k, nil
}

// generate makes a key and the row that keeps it.
func generate(alg string, o Options) (storage.Key, error) {
	private, err := algorithms[alg].generate(o.RSABits)
	if err != nil {
		return storage.Key{}, err
	}
	k, err := newKey(storage.Key{Alg: alg}, private)
	if err != nil {
		return storage.Key{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return storage.Key{}, err
	}
	row := storage.Key{KID: k.public.KeyID, Alg: alg}
	row.Sealed, err = o.Master.Seal(der, placeOf(row))
	return row, err
}

// placeOf is where storage keeps a row: the release before looks into the table keys only, and knows only the algorithms that are there.
func placeOf(k storage.Key) []byte { return seal.Place(k.Table(), k.KID, "sealed") }

// fingerprint tells two readings of the ring apart.
func fingerprint(rows []storage.Key) [sha256.Size]byte {
	h := sha256.New()
	for _, k := range rows {
		fmt.Fprintf(h, "%q %q %q %x %d %d\n", k.KID, k.Alg, k.State, k.Sealed, k.SignsFrom.UnixMicro(), k.RetiresAt.UnixMicro())
	}
	return [sha256.Size]byte(h.Sum(nil))
}

var segment = base64.RawURLEncoding.Strict()

// encodeHeader is the first segment of a token. Its bytes are what tells our tokens from others (see Ring.Verify): whoever
// changes the order or adds a member must accept the older form as long as tokens of it live.
func encodeHeader(alg, kid, typ string) string {
	return segment.EncodeToString(fmt.Appendf(nil, `{"alg":"%s","kid":"%s","typ":"%s"}`, alg, kid, typ))
}
