package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signet/admin"
	"signet/admin/files"
	"signet/admin/setting"
	"signet/admin/thing"
	"signet/admin/view"
	"signet/audit/webhook"
	"signet/internal/loopback"
)

// elsewhere is a server that is asked over its API.
type elsewhere struct {
	address, token string // the token: where it is found
	base           string
	http           *http.Client
}

// serverFlags let a command ask a server over its API.
func serverFlags(c *cobra.Command, e *elsewhere) {
	c.Flags().StringVar(&e.address, "server", "", "`address` (issuer) of a server to ask over its API; left out: the database of this host")
	c.Flags().StringVar(&e.token, "token", "env:SIGNET_TOKEN", "`where` the access token for --server is: env:NAME or file:PATH")
}

const (
	answerTime    = 30 * time.Second // for one request
	mostTries     = 6                // of a request that the server has no time for
	longestWait   = 10 * time.Second // between two of them
	largestAnswer = 64 << 20
)

// open looks at the address and finds the token.
func (e *elsewhere) open() error {
	u, err := url.Parse(e.address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return usage("--server: give an address like https://id.example.com")
	}
	if issuer, _, is := strings.Cut(u.String(), "/api/admin"); is {
		return usage("--server: give the issuer, %s; the path of its API is added to it", issuer)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback.Host(strings.ToLower(u.Hostname()))) {
		return usage("--server: a token goes over https only (http to this computer itself)")
	}
	where, _, ok := strings.Cut(e.token, ":")
	if !ok || where != "env" && where != "file" {
		return usage("--token: say where the token is, env:NAME or file:PATH: what is on the command line can be seen by others")
	}
	text, err := secretAt(e.token)
	if err != nil {
		return fmt.Errorf("--token: %w", err)
	}
	e.token = strings.TrimSpace(text)
	e.base = strings.TrimSuffix(u.String(), "/") + "/api/admin/v1"
	e.http = &http.Client{Timeout: answerTime, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("it redirects: give its own address")
	}}
	return nil
}

// ask sends a request, again where the server has no time, and reads the answer.
func (e *elsewhere) ask(ctx context.Context, method, path string, sent, got any) error {
	var body []byte
	if sent != nil {
		var err error
		if body, err = json.Marshal(sent); err != nil {
			return err
		}
	}
	for try := 1; ; try++ {
		wait, err := e.try(ctx, method, path, body, got)
		if wait == 0 || try == mostTries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// try sends it once. wait is how long to wait before the next time; 0 = there is none.
func (e *elsewhere) try(ctx context.Context, method, path string, body []byte, got any) (wait time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, method, e.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+e.token)
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := e.http.Do(r)
	if err != nil {
		return 0, fmt.Errorf("ask %s: %w", e.base, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, largestAnswer+1))
	switch {
	case err != nil:
		return 0, fmt.Errorf("ask %s: %w", e.base, err)
	case len(raw) > largestAnswer:
		return 0, fmt.Errorf("ask %s: the answer is too long", e.base)
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable:
		wait = time.Second
		if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
			wait = min(time.Duration(seconds)*time.Second, longestWait)
		}
		return wait, problemOf(res.StatusCode, raw)
	case res.StatusCode >= http.StatusBadRequest:
		return 0, problemOf(res.StatusCode, raw)
	case res.StatusCode >= http.StatusMultipleChoices:
		return 0, fmt.Errorf("ask %s: it answers %d", e.base, res.StatusCode)
	case got == nil:
		return 0, nil
	}
	if err := json.Unmarshal(raw, got); err != nil {
		return 0, fmt.Errorf("ask %s: the answer is not what an API of Signet answers: %w", e.base, err)
	}
	return 0, nil
}

// problemOf makes an error of package admin of what the API says (RFC 9457).
func problemOf(status int, raw []byte) error {
	var p struct {
		Title, Detail string
		Errors        []struct{ Pointer, Detail string }
	}
	if json.Unmarshal(raw, &p) != nil || p.Title == "" {
		return fmt.Errorf("the server answers %d, and not as an API of Signet does: is the address its issuer, and admin.api on?", status)
	}
	text := p.Title
	if p.Detail != "" {
		text = p.Detail
	}
	switch status {
	case http.StatusForbidden:
		return fmt.Errorf("%w: %s", admin.ErrRefused, text)
	case http.StatusNotFound:
		return fmt.Errorf("%w: %s", admin.ErrNotFound, text)
	case http.StatusPreconditionFailed:
		return admin.ErrChanged
	case http.StatusConflict:
		return fmt.Errorf("%w: %s", admin.ErrConflict, text)
	case http.StatusUnprocessableEntity:
		wrong := &admin.Invalid{}
		for _, one := range p.Errors {
			wrong.Fields = append(wrong.Fields, admin.Field{Name: strings.TrimPrefix(one.Pointer, "/"), Text: one.Detail})
		}
		if len(wrong.Fields) > 0 {
			return wrong
		}
	}
	return fmt.Errorf("the server answers %d: %s", status, text)
}

// Source implements files.Target.
func (e *elsewhere) Source() files.Source { return listsOf{e} }

// CheckStep implements files.Target.
func (e *elsewhere) CheckStep(ctx context.Context, s thing.Step) error {
	return e.ask(ctx, http.MethodPost, "/steps:check", s, nil)
}

// SecretState implements files.Target.
func (e *elsewhere) SecretState(ctx context.Context, kind, id, secret string) (state thing.SecretState, err error) {
	err = e.ask(ctx, http.MethodPost, "/"+kind+"/"+url.PathEscape(id)+"/secret-state", map[string]string{"client_secret": secret}, &state)
	return state, err
}

// Apply implements files.Target.
func (e *elsewhere) Apply(ctx context.Context, s thing.Step) error {
	return e.ask(ctx, http.MethodPost, "/steps", s, nil)
}

// listsOf are the lists of a server.
type listsOf struct{ *elsewhere }

func part[T any](ctx context.Context, l listsOf, of string, q admin.Ask) (p admin.Page[T], err error) {
	query := url.Values{"limit": {strconv.Itoa(q.Limit)}}
	if q.After != "" {
		query.Set("after", q.After)
	}
	err = l.ask(ctx, http.MethodGet, "/"+of+"?"+query.Encode(), nil, &p)
	if err == nil && p.Next != "" && p.Next == q.After {
		err = fmt.Errorf("ask %s: the list of %s has no end", l.base, of)
	}
	return p, err
}

func (l listsOf) Clients(ctx context.Context, q admin.Ask) (admin.Page[admin.Client], error) {
	return part[admin.Client](ctx, l, "clients", q)
}

func (l listsOf) Resources(ctx context.Context) ([]thing.Resource, error) {
	var p admin.Page[thing.Resource]
	err := l.ask(ctx, http.MethodGet, "/resources", nil, &p)
	return p.Items, err
}

func (l listsOf) Groups(ctx context.Context, q admin.Ask) (admin.Page[admin.Group], error) {
	return part[admin.Group](ctx, l, "groups", q)
}

func (l listsOf) Roles(ctx context.Context, q admin.Ask) (admin.Page[admin.Role], error) {
	return part[admin.Role](ctx, l, "roles", q)
}

// Managed implements files.Target.
func (e *elsewhere) Managed(ctx context.Context, q admin.Ask) (admin.Page[thing.Managed], error) {
	return part[thing.Managed](ctx, listsOf{e}, "managed", q)
}

func (l listsOf) Systems(ctx context.Context) (hooks []webhook.Webhook, all []thing.Upstream, sections []thing.Setting, err error) {
	sections, err = files.Stored(func(id string) (now setting.State, err error) {
		err = l.ask(ctx, http.MethodGet, "/settings/"+id, nil, &now)
		return now, err
	})
	if err != nil {
		return nil, nil, nil, err
	}
	var told admin.Page[webhook.Webhook]
	var list admin.Page[view.Upstream]
	err = errors.Join(files.Seen(l.ask(ctx, http.MethodGet, "/webhooks", nil, &told)),
		files.Seen(l.ask(ctx, http.MethodGet, "/upstreams", nil, &list)))
	for _, u := range list.Items {
		if u.Declared || err != nil {
			continue
		}
		var one view.UpstreamSettings
		err = l.ask(ctx, http.MethodGet, "/upstreams/"+url.PathEscape(u.ID), nil, &one)
		if errors.Is(err, admin.ErrNotFound) { // an older server's, which are declared all
			err = nil
			continue
		}
		all = append(all, thing.Upstream{Upstream: one.Plain()})
	}
	return told.Items, all, sections, err
}
