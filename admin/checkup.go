package admin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"signet/admin/checkup"
	"signet/admin/view"
	"signet/audit"
	"signet/internal/ratelimit"
)

// So often an actor may have apps checked in an hour, and one app may be checked by all together, before each further check waits: whoever
// may look at apps is not to have this server ask others for addresses again and again.
const (
	freeChecks      = 20
	freeChecksOfApp = 30
)

// CheckClient looks at an app's registration, and asks once for the addresses in it, those inside excepted: it finds what keeps the app
// from working, or soon will, the gravest first. Nothing but the event is written. *ratelimit.Throttled where that is asked too often.
func (s *Service) CheckClient(ctx context.Context, a Actor, id string) ([]view.Finding, error) {
	ctx, err := s.may(ctx, a, "CheckClient")
	if err != nil {
		return nil, err
	}
	c, err := s.o.Clients.Current(ctx, id)
	if err != nil {
		return nil, translate(err)
	}
	if err := s.chargeCheck(ctx, a, id); err != nil {
		return nil, err
	}
	app := checkup.App{Client: c}
	if !c.Declared {
		if _, app.Secrets, err = s.o.Stores.Apps.ClientByID(ctx, id); err != nil {
			return nil, translate(err)
		}
	}
	if app.Keys, err = s.o.APIKeys.Of(ctx, id); err != nil {
		return nil, err
	}
	if app.First, err = s.firstSignIn(ctx, id); err != nil {
		return nil, err
	}
	if err := s.o.Audit.Record(ctx, audit.Event{Name: audit.ClientChecked, ClientID: id}); err != nil { // before anybody is asked
		return nil, err
	}
	found, err := s.o.Checkup.Look(ctx, app)
	if err != nil {
		return nil, fmt.Errorf("check an app: %w", err)
	}
	return found, nil
}

// hostToken begins the id of who has a token that was made on the host, and acts over the API.
const hostToken = ScopePrefix + "host/"

// chargeCheck counts a check. The host's commands are not bound by it, which may go through all apps.
func (s *Service) chargeCheck(ctx context.Context, a Actor, id string) error {
	if a.Kind == KindCommand && !strings.HasPrefix(a.ID, hostToken) {
		return nil
	}
	who := string(a.Kind) + " " + a.ID
	if key := strings.LastIndexByte(a.ID, '/'); a.Kind == KindKey && key >= 0 { // an app has one limit, however many keys
		who = string(KindClient) + " " + a.ID[:key]
	}
	limit := ratelimit.Limit{Key: "checks of apps by " + who, Free: freeChecks, Window: time.Hour,
		First: 10 * time.Second, Max: 2 * time.Minute, OnSuccess: ratelimit.Never}
	ofApp := limit
	ofApp.Key, ofApp.Free = "checks of app "+id, freeChecksOfApp
	_, err := s.o.Limits.Charge(ctx, limit, ofApp)
	return err
}
