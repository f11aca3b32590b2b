package provider

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"signet/internal/exact"
)

// graphVersion is the newest version of the Graph API that this was written for. Versions live for two years.
const graphVersion = "v25.0"

const (
	facebookDialog = "https://www.facebook.com"
	facebookGraph  = "https://graph.facebook.com"
	facebookBody   = 1 << 20 // bytes
)

// facebook speaks OAuth 2 with the Graph API: Facebook Login. A person's id is good for this app only, an e-mail address may be
// missing, and is never taken for verified (N07).
type facebook struct {
	Settings
	client *http.Client
	issuer string // of its identities
	dialog string // without version
	graph  string // with version
}

func newFacebook(s Settings, client *http.Client) (Provider, error) {
	if s.ClientID == "" || s.ClientSecret == "" {
		return nil, errors.New("facebook needs the app's id and secret")
	}
	f := &facebook{Settings: s, client: client, issuer: facebookDialog, dialog: facebookDialog, graph: facebookGraph}
	if s.Issuer != "" {
		f.issuer = strings.TrimRight(s.Issuer, "/")
		f.dialog, f.graph = f.issuer, f.issuer
	}
	version := cmp.Or(s.GraphVersion, graphVersion)
	f.dialog, f.graph = f.dialog+"/"+version, f.graph+"/"+version
	if len(f.Scopes) == 0 {
		f.Scopes = []string{"public_profile", "email"}
	}
	return f, nil
}

// Issuer of the identities.
func (f *facebook) Issuer() string { return f.issuer }

func (f *facebook) config(redirectURI string) *oauth2.Config {
	c := &oauth2.Config{ClientID: f.ClientID, ClientSecret: f.ClientSecret, RedirectURL: redirectURI, Scopes: f.Scopes}
	c.Endpoint = oauth2.Endpoint{
		AuthURL: f.dialog + "/dialog/oauth", TokenURL: f.graph + "/oauth/access_token", AuthStyle: oauth2.AuthStyleInParams,
	}
	return c
}

// Begin is the login dialog. Fresh asks for the password again, which Facebook does for the account it knows in the browser.
func (f *facebook) Begin(_ context.Context, a AuthRequest) (*url.URL, error) {
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(a.Verifier)}
	if a.Fresh {
		options = append(options, oauth2.SetAuthURLParam("auth_type", "reauthenticate"), oauth2.SetAuthURLParam("auth_nonce", a.Nonce))
	}
	return url.Parse(f.config(a.RedirectURI).AuthCodeURL(a.State, options...))
}

// facebookPerson is what /me answers to the fields that are asked for.
type facebookPerson struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Email     string `json:"email"`
	Picture   struct {
		Data struct {
			URL          string `json:"url"`
			IsSilhouette bool   `json:"is_silhouette"`
		} `json:"data"`
	} `json:"picture"`
}

// facebookFields of a person that public_profile and email give.
const facebookFields = "id,name,first_name,last_name,email,picture"

// Complete takes the code, and a token only if it was issued to this very app for the person it tells of.
func (f *facebook) Complete(ctx context.Context, a AuthRequest, callback url.Values) (Identity, error) {
	code, err := plainCode(callback)
	if err != nil {
		return Identity{}, err
	}
	asking := context.WithValue(ctx, oauth2.HTTPClient, tokenClient(f.client))
	token, err := f.config(a.RedirectURI).Exchange(asking, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return Identity{}, openidTokenError(err)
	}
	var person facebookPerson
	if err := f.ask(ctx, "/me", url.Values{"fields": {facebookFields}}, token.AccessToken, &person); err != nil {
		return Identity{}, err
	}
	if err := f.inspect(ctx, token.AccessToken, person.ID); err != nil {
		return Identity{}, err
	}
	i := Identity{Issuer: f.issuer, Subject: person.ID, Email: person.Email, Claims: map[string]any{}, Tokens: openidTokens(token)}
	for name, value := range map[string]string{"name": person.Name, "given_name": person.FirstName, "family_name": person.LastName} {
		if value != "" {
			i.Claims[name] = value
		}
	}
	if person.Picture.Data.URL != "" && !person.Picture.Data.IsSilhouette {
		i.Claims["picture"] = person.Picture.Data.URL
	}
	if len(f.Domains) > 0 { // no address of theirs is verified
		return Identity{}, ErrDomain
	}
	return i, nil
}

// inspect asks Facebook itself about a token: that it is good, for our app, and the person's.
func (f *facebook) inspect(ctx context.Context, token, person string) error {
	var said struct {
		Data struct {
			AppID     string `json:"app_id"`
			UserID    string `json:"user_id"`
			Type      string `json:"type"`
			IsValid   bool   `json:"is_valid"`
			ExpiresAt int64  `json:"expires_at"` // 0 = never
		} `json:"data"`
	}
	if err := f.ask(ctx, "/debug_token", url.Values{"input_token": {token}}, f.appToken(), &said); err != nil {
		return err
	}
	switch d := said.Data; {
	case !d.IsValid, d.ExpiresAt != 0 && time.Now().Unix() >= d.ExpiresAt:
		return fmt.Errorf("%w: the token is not good", ErrIdentity)
	case d.AppID != f.ClientID, d.Type != "USER":
		return fmt.Errorf("%w: the token was issued to another app", ErrIdentity)
	case person == "" || d.UserID != person:
		return fmt.Errorf("%w: the token is another person's", ErrIdentity)
	}
	return nil
}

// appToken is what the app itself asks with.
func (f *facebook) appToken() string { return f.ClientID + "|" + f.ClientSecret }

// ask is a call of the Graph API. Neither the token nor what Facebook says is in an error, but the code of its own.
func (f *facebook) ask(ctx context.Context, path string, query url.Values, token string, into any) error {
	mac := hmac.New(sha256.New, []byte(f.ClientSecret))
	mac.Write([]byte(token))
	query.Set("appsecret_proof", hex.EncodeToString(mac.Sum(nil)))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.graph+path+"?"+query.Encode(), nil)
	if err != nil {
		return fmt.Errorf("%w: %s: no usable address", ErrUpstream, path)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := f.client.Do(req)
	if err != nil {
		return openidDown(path, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, facebookBody))
	if err != nil {
		return openidDown(path, err)
	}
	if res.StatusCode != http.StatusOK {
		var no struct {
			Error struct{ Code int }
		}
		if res.StatusCode < 500 && json.Unmarshal(body, &no) == nil && no.Error.Code != 0 {
			return fmt.Errorf("%w: %s: Graph error %d", ErrUpstream, path, no.Error.Code)
		}
		return openidStatus(path, res.StatusCode)
	}
	if exact.Unmarshal(body, into) != nil {
		return fmt.Errorf("%w: %s: not to be read", ErrDown, path)
	}
	return nil
}

// ReadSignedRequest verifies what comes to the deauthorize and the data deletion callback.
func (f *facebook) ReadSignedRequest(raw string) (SignedRequest, error) {
	return readSignedRequest(raw, f.ClientSecret, time.Now())
}

// Check asks whether the app's id and secret belong together.
func (f *facebook) Check(ctx context.Context, redirectURI string) []Finding {
	findings := []Finding{{true, "register exactly this redirect URI in Facebook Login → Settings: " + redirectURI}}
	var app struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	err := f.ask(ctx, "/"+url.PathEscape(f.ClientID), url.Values{"fields": {"id,name"}}, f.appToken(), &app)
	switch {
	case errors.Is(err, ErrDown):
		return append(findings, Finding{false, "the Graph API does not answer: " + err.Error()})
	case err != nil || app.ID != f.ClientID:
		return append(findings, Finding{false, "app id and secret do not belong together, or the version of the Graph API is gone: " +
			"look at client_id, client_secret and graph_version"})
	}
	return append(findings, Finding{true, "the Graph API knows the app, and the secret is its own"})
}

// plainCode reads a callback of OAuth 2 without OpenID.
func plainCode(callback url.Values) (string, error) {
	if code := callback.Get("error"); code != "" {
		if code == "access_denied" || callback.Get("error_reason") == "user_denied" {
			return "", ErrDenied
		}
		return "", fmt.Errorf("%w: %s", ErrUpstream, openidErrorCode(code))
	}
	if callback.Get("code") == "" {
		return "", fmt.Errorf("%w: neither code nor error came", ErrUpstream)
	}
	return callback.Get("code"), nil
}
