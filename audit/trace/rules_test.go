package trace

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// codes are those of the functions of package refusal.
var codes = map[string]string{
	"InvalidRequest": "invalid_request", "InvalidClient": "invalid_client", "InvalidGrant": "invalid_grant",
	"UnauthorizedClient": "unauthorized_client", "UnsupportedGrantType": "unsupported_grant_type",
	"UnsupportedResponseType": "unsupported_response_type", "InvalidScope": "invalid_scope", "InvalidTarget": "invalid_target",
	"InvalidAuthorizationDetails": "invalid_authorization_details", "InvalidDPoPProof": "invalid_dpop_proof",
	"UseDPoPNonce": "use_dpop_nonce", "AccessDenied": "access_denied", "AuthorizationPending": "authorization_pending",
	"SlowDown": "slow_down", "ExpiredToken": "expired_token", "LoginRequired": "login_required", "ConsentRequired": "consent_required",
	"AccountSelectionRequired": "account_selection_required", "InteractionRequired": "interaction_required",
	"InvalidToken": "invalid_token", "InsufficientScope": "insufficient_scope",
	"InsufficientAuthentication": "insufficient_user_authentication", "InvalidRequestObject": "invalid_request_object",
	"InvalidRequestURI": "invalid_request_uri", "RequestNotSupported": "request_not_supported",
	"RequestURINotSupported": "request_uri_not_supported", "RegistrationNotSupported": "registration_not_supported",
	"ServerError": "server_error", "TemporarilyUnavailable": "temporarily_unavailable",
	"UnmetAuthenticationRequirements": "unmet_authentication_requirements", "TooMany": "temporarily_unavailable",
}

// TestEveryRefusalHasARemedy reads the sources: what a client or a person can be told has a rule of its own, and not just the advice to
// look into the log.
func TestEveryRefusalHasARemedy(t *testing.T) {
	found := 0
	judge := func(where token.Position, tr Trace) {
		found++
		if r := tr.rule(); r.remedy == generic {
			t.Errorf("%s: no rule of audit/trace fits %q %q", where, tr.Code, tr.Description)
		}
	}
	for _, dir := range []string{"oauth", "server", "clients"} {
		err := filepath.WalkDir(filepath.Join("../..", dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if text, kind := told(n); kind == "page" {
					judge(files.Position(n.Pos()), Trace{Code: text, Error: text + ": "})
				} else if kind != "" {
					code, known := codes[kind]
					if !known {
						t.Errorf("%s: refusal.%s is not in the test's table", files.Position(n.Pos()), kind)
					}
					judge(files.Position(n.Pos()), Trace{Code: code, Description: text, Error: code + ": " + text})
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 200 {
		t.Errorf("only %d refusals were found", found)
	}
}

// told is the sentence of a call like refusal.InvalidGrant("…"), or the kind of a web.PageError.
func told(n ast.Node) (text, kind string) {
	switch n := n.(type) {
	case *ast.CallExpr:
		f, ok := n.Fun.(*ast.SelectorExpr)
		if !ok || len(n.Args) == 0 {
			return "", ""
		}
		if pkg, ok := f.X.(*ast.Ident); !ok || pkg.Name != "refusal" || f.Sel.Name == "From" {
			return "", ""
		}
		if text, ok = literal(n.Args[0]); ok {
			return text, f.Sel.Name
		}
	case *ast.CompositeLit:
		if s, ok := n.Type.(*ast.SelectorExpr); !ok || s.Sel.Name != "PageError" {
			return "", ""
		}
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok && kv.Key.(*ast.Ident).Name == "Kind" {
				if text, ok := literal(kv.Value); ok {
					return text, "page"
				}
			}
		}
	}
	return "", ""
}

// literal is a text, or the beginning of one that is put together.
func literal(e ast.Expr) (string, bool) {
	if b, ok := e.(*ast.BinaryExpr); ok {
		return literal(b.X)
	}
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

func TestRulesTellChecksApart(t *testing.T) {
	for text, want := range map[string]string{
		"temporarily_unavailable|Too many tries. Wait before the next one.":                     checkLimit,
		"temporarily_unavailable|The database cannot be reached.":                               checkServer,
		"invalid_grant|The code was used before.":                                               checkGrant,
		"invalid_grant|A second factor is demanded by now. Ask the person again.":               checkStrength,
		"invalid_grant|The user name or password is wrong.":                                     checkSignIn,
		"invalid_grant|The grant is bound to another certificate than the one of this request.": checkProof,
		"invalid_request|code_challenge is missing.":                                            checkPKCE,
		"invalid_request|A parameter is repeated.":                                              checkForm,
		"invalid_request|redirect_uri is missing, or is not one that a client may have.":        checkRedirect,
		"invalid_request|Only the response modes query and form_post are supported.":            checkAllowed,
		"invalid_token|The access token was revoked.":                                           checkToken,
		"invalid_token|The access token is bound to a key: send it with the scheme DPoP.":       checkProof,
		"invalid_scope|None of the scopes asked for is this client's.":                          checkScope,
		"invalid_target|The resource is unknown or not for this client.":                        checkResource,
		"access_denied|The person said no.":                                                     checkConsent,
		"login_required|Nobody is signed in, or must sign in again.":                            checkSignIn,
		"unauthorized_client|This client is not registered for the grant_type.":                 checkAllowed,
		"insufficient_user_authentication|The person has to sign in again.":                     checkStrength,
		"server_error|This did not work on our side. Reference 7F3K-92QD-MX.":                   checkServer,
		"unavailable|": checkServer, "not_found|": checkAddress, "expired|": checkSignIn, "cookies|": checkBrowser, "denied|": checkConsent,
	} {
		code, description, _ := strings.Cut(text, "|")
		tr := Trace{Code: code, Description: description, Error: code + ": " + description}
		if got := tr.rule().check; got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
