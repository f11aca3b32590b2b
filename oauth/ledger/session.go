package ledger

import (
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/token/jwt"
)

// Session is fosite's session of one request. All that tokens say comes from the request; what fosite itself wants to keep in a
// session (expiries, ID token claims) it may write here, and nobody reads it. So Clone is a copy of the struct.
type Session struct {
	subject string
	expires [4]time.Time
	claims  jwt.IDTokenClaims
	headers jwt.Headers
}

// NewSession makes the session of a request.
func NewSession(req *Request) *Session {
	s := &Session{subject: req.Subject()}
	s.claims.Subject = s.subject // fosite refuses to issue an ID token without one
	return s
}

func place(key fosite.TokenType) int {
	switch key {
	case fosite.AccessToken:
		return 0
	case fosite.RefreshToken:
		return 1
	case fosite.AuthorizeCode:
		return 2
	}
	return 3
}

// SetExpiresAt implements fosite.Session.
func (s *Session) SetExpiresAt(key fosite.TokenType, at time.Time) { s.expires[place(key)] = at }

// GetExpiresAt implements fosite.Session.
func (s *Session) GetExpiresAt(key fosite.TokenType) time.Time { return s.expires[place(key)] }

// GetUsername implements fosite.Session: names stay out of tokens.
func (s *Session) GetUsername() string { return "" }

// GetSubject implements fosite.Session.
func (s *Session) GetSubject() string { return s.subject }

// Clone implements fosite.Session.
func (s *Session) Clone() fosite.Session {
	clone := *s
	return &clone
}

// IDTokenClaims implements openid.Session: always the same place, never nil.
func (s *Session) IDTokenClaims() *jwt.IDTokenClaims { return &s.claims }

// IDTokenHeaders implements openid.Session.
func (s *Session) IDTokenHeaders() *jwt.Headers { return &s.headers }
