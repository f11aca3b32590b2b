package tokens

import (
	"encoding/json"
	"maps"
	"strconv"
	"sync"
)

// encode is the payload of an access token. Every token request writes one, so it is written without reflection; the bytes are those of
// encoding/json (FuzzPayloads).
func (a *Access) encode() *object {
	o := begin()
	o.text("iss", a.Issuer)
	o.text("sub", a.Subject)
	o.audience(a.Audience)
	o.text("client_id", a.ClientID)
	o.textIfAny("scope", a.Scope)
	o.number("iat", a.IssuedAt)
	o.number("exp", a.ExpiresAt)
	o.text("jti", a.JTI)
	o.numberIfAny("auth_time", a.AuthTime)
	o.textIfAny("acr", a.ACR)
	o.list("amr", a.AMR)
	o.document("cnf", a.Cnf)
	o.document("act", a.Act)
	o.document("may_act", a.MayAct)
	if l := a.CallLimit; l != nil {
		o.value("call_limit", l)
	}
	if _, mapped := a.Extra["groups"]; !mapped {
		o.list("groups", a.Groups)
	}
	if _, mapped := a.Extra["roles"]; !mapped {
		o.list("roles", a.Roles)
	}
	o.document("authorization_details", a.Details)
	o.textIfAny("grant_id", a.GrantID)
	if len(a.Status) > 0 {
		o.name("status")
		o.b = append(o.b, a.Status...) // written by package status for this
	}
	if len(a.ActStatus) > 0 {
		o.value("act_status", a.ActStatus)
	}
	o.more(a.Extra, accessClaims...)
	return o.end()
}

// encode is the payload of a refresh token (see Access).
func (r *Refresh) encode() *object {
	o := begin()
	o.text("iss", r.Issuer)
	o.text("aud", r.Audience)
	o.text("client_id", r.ClientID)
	o.text("grant_id", r.GrantID)
	o.number("gen", r.Generation)
	o.number("iat", r.IssuedAt)
	o.number("exp", r.ExpiresAt)
	return o.end()
}

// encode is the payload of an ID token (see Access): the claims in their order, then those about the person by name.
func (id *ID) encode() *object {
	o := begin()
	o.text("iss", id.Issuer)
	o.text("sub", id.Subject)
	o.audience(id.Audience)
	o.number("exp", id.ExpiresAt)
	o.number("iat", id.IssuedAt)
	o.numberIfAny("auth_time", id.AuthTime)
	o.textIfAny("nonce", id.Nonce)
	o.textIfAny("acr", id.ACR)
	o.list("amr", id.AMR)
	o.textIfAny("azp", id.AuthorizedParty)
	o.textIfAny("sid", id.SessionID)
	o.textIfAny("grant_id", id.GrantID)
	o.textIfAny("at_hash", id.AccessTokenHash)
	o.textIfAny("c_hash", id.CodeHash)
	o.more(id.Extra)
	return o.end()
}

// object is a JSON object that is being written, a member at a time. Names are plain ASCII.
type object struct {
	b   json.RawMessage
	err error
}

// objects are those that are not in use.
var objects = sync.Pool{New: func() any { return &object{b: make([]byte, 0, 640)} }} // an ordinary payload fits

func begin() *object {
	o := objects.Get().(*object)
	o.b, o.err = append(o.b[:0], '{'), nil
	return o
}

func (o *object) end() *object {
	o.b = append(o.b, '}')
	return o
}

// done gives it back, unless one with much in it would stay.
func (o *object) done() {
	if cap(o.b) <= 4096 {
		objects.Put(o)
	}
}

func (o *object) name(n string) {
	if len(o.b) > 1 {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(o.b, '"'), n...), '"', ':')
}

func (o *object) text(n, v string) {
	o.name(n)
	o.string(v)
}

func (o *object) textIfAny(n, v string) {
	if v != "" {
		o.text(n, v)
	}
}

func (o *object) number(n string, v int64) {
	o.name(n)
	o.b = strconv.AppendInt(o.b, v, 10)
}

func (o *object) numberIfAny(n string, v int64) {
	if v != 0 {
		o.number(n, v)
	}
}

func (o *object) list(n string, list []string) {
	if len(list) == 0 {
		return
	}
	o.name(n)
	o.strings(list)
}

// audience is a string where there is one, else an array.
func (o *object) audience(a Audience) {
	o.name("aud")
	switch {
	case len(a) == 1:
		o.string(a[0])
	case a == nil:
		o.b = append(o.b, "null"...)
	default:
		o.strings(a)
	}
}

func (o *object) strings(list []string) {
	o.b = append(o.b, '[')
	for i, v := range list {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.string(v)
	}
	o.b = append(o.b, ']')
}

// document is JSON of few tokens; encoding/json checks it.
func (o *object) document(n string, raw json.RawMessage) {
	if len(raw) > 0 {
		o.value(n, raw)
	}
}

// more adds what is told of a person, but for names of the protocol.
func (o *object) more(extra map[string]any, taken ...string) {
	if len(extra) == 0 {
		return
	}
	extra = maps.Clone(extra)
	for _, name := range protocolClaims {
		delete(extra, name)
	}
	for _, name := range taken {
		delete(extra, name)
	}
	if len(extra) == 0 {
		return
	}
	b, err := json.Marshal(extra)
	if err != nil {
		o.err = err
		return
	}
	o.b = append(append(o.b, ','), b[1:len(b)-1]...)
}

// value is for what few tokens have.
func (o *object) value(n string, v any) {
	o.name(n)
	b, err := json.Marshal(v)
	if err != nil && o.err == nil {
		o.err = err
	}
	o.b = append(o.b, b...)
}

// string writes what needs no escape as it stands; all else is written by encoding/json.
func (o *object) string(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			b, _ := json.Marshal(s) // no string fails
			o.b = append(o.b, b...)
			return
		}
	}
	o.b = append(append(append(o.b, '"'), s...), '"')
}
