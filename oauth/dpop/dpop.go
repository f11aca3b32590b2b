package dpop

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/internal/exact"
	"signet/oauth/refusal"
)

// How old or new a proof may be, by its iat. The second is for clocks that are ahead of ours.
const (
	maxAge   = 60 * time.Second
	maxAhead = 30 * time.Second
	// kept is how long a spent proof is remembered: longer than it is taken, also where the clocks of two replicas differ.
	kept = maxAge + maxAhead + 30*time.Second
)

// What is read of a proof, in bytes.
const (
	maxProof = 8 << 10
	maxJTI   = 256
	maxHTU   = 2048
)

// Algs are the signature algorithms that proofs may have: dpop_signing_alg_values_supported of discovery (RFC 9449 section 5.1).
func Algs() []string { return clients.AssertionAlgs }

var algs = func() (list []jose.SignatureAlgorithm) {
	for _, a := range Algs() {
		list = append(list, jose.SignatureAlgorithm(a))
	}
	return list
}()

// Proof is one that was judged good for its request. It can be used once, which is for the caller to see to: see Once.
type Proof struct {
	JKT string // thumbprint of the key (RFC 7638), as in cnf.jkt
	Alg string // it was signed with

	once  string
	until time.Time
	ath   string
	stale bool
}

// Once names what may happen once only, and until when that has to be remembered: the owner is the key, the id its jti at this endpoint.
func (p *Proof) Once() (owner, id string, until time.Time) { return p.JKT, p.once, p.until }

// Fits refuses a proof of an algorithm that the client's profile does not allow; nil fits every client.
func (p *Proof) Fits(c *clients.Client) *refusal.Refusal {
	if p == nil || c.Strong(p.Alg) {
		return nil
	}
	return refusal.InvalidDPoPProof("This client's proofs must have another algorithm than " + p.Alg + ".")
}

// Of reports whether the proof was made for this access token (ath, RFC 9449 section 4.2).
func (p *Proof) Of(accessToken string) bool {
	sum := sha256.Sum256([]byte(accessToken))
	return subtle.ConstantTimeCompare([]byte(p.ath), []byte(base64.RawURLEncoding.EncodeToString(sum[:]))) == 1
}

// Verifier judges proofs. It is safe for concurrent use.
type Verifier struct {
	Issuer string               // without a slash at its end; htu is compared with it and the path, never with the Host header
	Alias  string               // another address of the same endpoints (mtls_endpoint_aliases, RFC 8705 section 5); "" = none
	Nonces *Nonces              // nil: none are made, nor demanded
	Demand bool                 // proofs must have a nonce of ours
	Count  func(outcome string) // of a metric: accepted, refused, nonce; nil counts nothing
}

// Judge reads the proof of a request to a path of this server; nil if it has none, and for a nil Verifier. Where nonces are demanded, a
// proof without a fresh one is refused with use_dpop_nonce (RFC 9449 section 8), which spends nothing. Errors are *refusal.Refusal.
func (v *Verifier) Judge(header http.Header, method, path string) (*Proof, error) {
	sent := header["Dpop"]
	if v == nil || len(sent) == 0 {
		return nil, nil
	}
	if len(sent) > 1 {
		return nil, v.refuse("There are several DPoP headers.", nil)
	}
	p, c, err := read(sent[0])
	if err != nil {
		return nil, v.refuse("The DPoP proof is malformed or its signature is wrong.", err)
	}
	now := time.Now()
	if why := c.judge(method, now); why != "" {
		return nil, v.refuse(why, nil)
	}
	if !c.madeFor(v.Issuer+path) && (v.Alias == "" || !c.madeFor(v.Alias+path)) {
		return nil, v.refuse("htu of the DPoP proof is not the address of this endpoint.", nil)
	}
	known, current := v.Nonces.judge(c.Nonce, now)
	if v.Demand && !known {
		v.count("nonce")
		no := refusal.UseDPoPNonce("Send the DPoP proof with the nonce of the header DPoP-Nonce.")
		no.Header = http.Header{"Dpop-Nonce": {v.Nonces.current(now)}}
		return nil, no
	}
	p.stale = v.Demand && !current
	sum := sha256.Sum256([]byte(path + "\x00" + c.JTI))
	p.once = base64.RawURLEncoding.EncodeToString(sum[:])
	p.until = now.Add(kept)
	p.ath = c.ATH
	v.count("accepted")
	return p, nil
}

// Renew tells the client a newer nonce beside a good answer, where it used one that is about to end (RFC 9449 section 8.2).
func (v *Verifier) Renew(header http.Header, p *Proof) {
	if p != nil && p.stale {
		header["Dpop-Nonce"] = []string{v.Nonces.current(time.Now())}
	}
}

func (v *Verifier) refuse(why string, cause error) error {
	v.count("refused")
	no := refusal.InvalidDPoPProof(why)
	if cause != nil {
		return no.Because(cause)
	}
	return no
}

func (v *Verifier) count(outcome string) {
	if v.Count != nil {
		v.Count(outcome)
	}
}

// payload is what is read of a proof's claims (RFC 9449 section 4.2).
type payload struct {
	JTI   string   `json:"jti"`
	HTM   string   `json:"htm"`
	HTU   string   `json:"htu"`
	IAT   *float64 `json:"iat"`
	EXP   *float64 `json:"exp"`
	NBF   *float64 `json:"nbf"`
	ATH   string   `json:"ath"`
	Nonce string   `json:"nonce"`
}

// read checks form and signature (RFC 9449 section 4.3, steps 2 to 7).
func read(compact string) (*Proof, payload, error) {
	var c payload
	if len(compact) > maxProof {
		return nil, c, errors.New("too long")
	}
	jws, err := jose.ParseSignedCompact(compact, algs)
	if err != nil {
		return nil, c, err
	}
	h := jws.Signatures[0].Protected
	for _, name := range []jose.HeaderKey{"crit", "b64", "zip"} { // what would change the meaning of the rest (RFC 7515 section 4.1)
		if _, ok := h.ExtraHeaders[name]; ok {
			return nil, c, errors.New("header has " + string(name))
		}
	}
	if typ, _ := h.ExtraHeaders[jose.HeaderType].(string); typ != "dpop+jwt" {
		return nil, c, errors.New("typ is not dpop+jwt")
	}
	key := h.JSONWebKey
	switch {
	case key == nil:
		return nil, c, errors.New("no jwk")
	case !key.IsPublic() || !key.Valid():
		return nil, c, errors.New("jwk is not a public key")
	case len(key.Certificates) > 0 || key.CertificatesURL != nil:
		return nil, c, errors.New("jwk has certificates")
	case !clients.GoodSize(*key) || costly(key.Key):
		return nil, c, errors.New("jwk has too few bits, or an exponent that is too large")
	case !clients.Verifies(*key, h.Algorithm):
		return nil, c, errors.New("jwk does not fit alg")
	}
	raw, err := jws.Verify(key.Key)
	if err != nil {
		return nil, c, err
	}
	if err := exact.Unmarshal(raw, &c); err != nil {
		return nil, c, err
	}
	thumb, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, c, err
	}
	return &Proof{JKT: base64.RawURLEncoding.EncodeToString(thumb), Alg: h.Algorithm}, c, nil
}

// costly keys take twice as long to verify with as others: anybody can send one, and nobody registered it. The size is bounded by go-jose.
func costly(key any) bool {
	k, ok := key.(*rsa.PublicKey)
	return ok && k.E > 65537
}

// madeFor reports whether the proof was made for the address (RFC 9449 section 4.3, step 9).
func (c payload) madeFor(target string) bool {
	sent, ok := normal(c.HTU)
	want, _ := normal(target)
	return ok && sent == want
}

// judge checks the other claims (RFC 9449 section 4.3, steps 8 to 11) and says what is wrong; "" = nothing.
func (c payload) judge(method string, now time.Time) string {
	switch {
	case c.JTI == "" || len(c.JTI) > maxJTI:
		return "jti of the DPoP proof must have 1 to " + strconv.Itoa(maxJTI) + " bytes."
	case c.HTM != method:
		return "htm of the DPoP proof is not the method of this request."
	case c.IAT == nil:
		return "The DPoP proof has no iat."
	case !near(*c.IAT, now):
		return "iat of the DPoP proof is too far from now. Check the clock, and make a proof for each request."
	case c.EXP != nil && *c.EXP <= float64(now.Unix()), c.NBF != nil && *c.NBF > float64(now.Add(maxAhead).Unix()):
		return "The DPoP proof is not valid at this time."
	}
	return ""
}

func near(iat float64, now time.Time) bool {
	return iat >= float64(now.Add(-maxAge).Unix()) && iat <= float64(now.Add(maxAhead).Unix())
}
