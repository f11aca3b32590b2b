package server

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"signet/admin"
	"signet/clients"
	"signet/clients/apikey"
	"signet/internal/mail"
	"signet/storage"
	"signet/users"
)

const (
	keysEndingEvery = time.Hour
	mostKeysTold    = 1000 // in one run; the others have two weeks
)

// tellOfKeys emails whoever made an API key that ends soon, once for each key. Keys made by the command line or by an app have nobody to
// tell: health and doctor name them.
func (h *Services) tellOfKeys(ctx context.Context) error {
	if !h.People.MailOn() {
		return nil
	}
	list, err := apikey.Service{Store: h.DB, Lists: h.DB}.Ending(ctx, mostKeysTold)
	for _, k := range list {
		if maker, is := strings.CutPrefix(k.CreatedBy, string(admin.KindPerson)+" "); is {
			err = errors.Join(err, h.tellOfKey(ctx, k, maker))
		}
	}
	return err
}

func (h *Services) tellOfKey(ctx context.Context, k apikey.Key, maker string) error {
	u, err := h.People.ByID(ctx, maker)
	if errors.Is(err, users.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	if !u.DisabledAt.IsZero() || !u.EmailVerified {
		return nil
	}
	app, err := h.Clients.Current(ctx, k.ClientID)
	if errors.Is(err, clients.ErrUnknown) {
		return nil
	} else if err != nil {
		return err
	}
	words := called(app)
	words["Key"], words["Day"] = k.ID, k.ExpiresAt.Format(time.RFC3339)
	err = h.DB.Tx(ctx, func(ctx context.Context) error {
		if err := h.DB.SpendOnce(ctx, "api key that ends", k.ClientID, k.ID, k.ExpiresAt); err != nil {
			return err
		}
		page := "/admin/apps/" + url.PathEscape(k.ClientID)
		return h.People.SendEmail(ctx, u, mail.Email{Kind: mail.KeyEnding, Link: page, Args: words})
	})
	if errors.Is(err, storage.ErrConflict) { // told before, here or by another replica
		return nil
	}
	return err
}
