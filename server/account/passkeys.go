package account

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"signet/internal/ratelimit"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users/factor"
	"signet/users/passkey"
)

const passkeysPath = "/account/passkeys"

// Passkeys is the part of *passkey.Service that the pages use.
type Passkeys interface {
	List(ctx context.Context, userID string) ([]passkey.Passkey, error)
	BeginRegistration(ctx context.Context, browser string, of passkey.Whose) (json.RawMessage, error)
	Register(ctx context.Context, permit factor.Permit, browser string, u storage.User, name string, response []byte) (amr []string, err error)
	Rename(ctx context.Context, userID, id, name string) error
	Remove(ctx context.Context, permit factor.Permit, u storage.User, id string) error
}

func (h *Handler) showPasskeys(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	h.Browser.Bind(w, r)
	return h.passkeysPage(w, r, v, http.StatusOK, "")
}

func (h *Handler) passkeysPage(w http.ResponseWriter, r *http.Request, v *browser.Visitor, status int, problem string) error {
	page := pages.Passkeys{Person: v.Person, Usable: h.Passkeys != nil, Problem: problem, Done: done(r)}
	if problem != "" {
		page.Done = ""
	}
	if h.Passkeys != nil {
		list, err := h.Passkeys.List(r.Context(), v.UserID)
		if err != nil {
			return err
		}
		for _, k := range list {
			line := pages.PasskeyLine{ID: k.ID, Name: k.Name, Synced: k.Synced, AddedAt: v.Person.At(k.AddedAt), UsedAt: v.Person.At(k.LastUsed)}
			if k.Maker != k.Name {
				line.Maker = k.Maker
			}
			page.Passkeys = append(page.Passkeys, line)
		}
	}
	return h.Pages.Render(w, r, status, page)
}

// passkeyOptions is asked by the script. Whatever it is refused, the form itself is told the reason: the script then sends it
// without an answer.
func (h *Handler) passkeyOptions(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	if _, err := h.Login.May(r.Context(), v, factor.AddPasskey); errors.Is(err, factor.ErrConfirm) || errors.Is(err, factor.ErrNotAllowed) {
		return &web.PageError{Status: http.StatusForbidden, Kind: "denied", Cause: err}
	} else if err != nil {
		return err
	}
	options, err := h.Passkeys.BeginRegistration(r.Context(), h.Browser.Mark(r),
		passkey.Whose{ID: v.UserID, Name: v.Person.Login(), DisplayName: v.Person.Shown()})
	return login.WriteOptions(w, options, err)
}

func (h *Handler) addPasskey(w http.ResponseWriter, r *http.Request, v *browser.Visitor, permit factor.Permit) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	if r.PostForm.Get("credential") == "" {
		if list, err := h.Passkeys.List(r.Context(), v.UserID); err != nil {
			return err
		} else if len(list) >= passkey.MaxPerPerson {
			return h.refusePasskey(w, r, v, passkey.ErrFull)
		}
		return h.refusePasskey(w, r, v, passkey.ErrWrong)
	}
	_, err := h.Passkeys.Register(r.Context(), permit, h.Browser.Mark(r), v.User, r.PostForm.Get("name"), []byte(r.PostForm.Get("credential")))
	if err != nil {
		return h.refusePasskey(w, r, v, err)
	}
	return h.back(w, r, passkeysPath, "passkey_added")
}

func (h *Handler) renamePasskey(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	if err := h.Passkeys.Rename(r.Context(), v.UserID, r.PostForm.Get("passkey"), r.PostForm.Get("name")); err != nil {
		return h.refusePasskey(w, r, v, err)
	}
	return h.back(w, r, passkeysPath, "passkey_renamed")
}

func (h *Handler) removePasskey(w http.ResponseWriter, r *http.Request, v *browser.Visitor, _ factor.Permit) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	permit, err := h.Login.May(r.Context(), v, factor.RemovePasskey)
	if err == nil {
		err = h.Passkeys.Remove(r.Context(), permit, v.User, r.PostForm.Get("passkey"))
	}
	if err != nil {
		return h.refusePasskey(w, r, v, err)
	}
	return h.back(w, r, passkeysPath, "passkey_removed")
}

// refusePasskey shows the page again with the reason.
func (h *Handler) refusePasskey(w http.ResponseWriter, r *http.Request, v *browser.Visitor, err error) error {
	for _, p := range []struct {
		is     error
		status int
		text   string
	}{
		{passkey.ErrWrong, http.StatusBadRequest, "passkeys.failed"}, {passkey.ErrTaken, http.StatusConflict, "passkeys.taken"},
		{passkey.ErrFull, http.StatusConflict, "passkeys.full"}, {passkey.ErrLast, http.StatusConflict, "passkeys.last"},
		{passkey.ErrName, http.StatusBadRequest, "passkeys.name_invalid"}, {passkey.ErrChanged, http.StatusConflict, "passkeys.failed"},
		{factor.ErrChanged, http.StatusConflict, "passkeys.failed"}, {factor.ErrLast, http.StatusConflict, "passkeys.last"},
		{factor.ErrNeeded, http.StatusConflict, "passkeys.needed"},
	} {
		if errors.Is(err, p.is) {
			return h.passkeysPage(w, r, v, p.status, p.text)
		}
	}
	if late, ok := errors.AsType[*ratelimit.Throttled](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(late.RetryAfter/time.Second)))
		return h.passkeysPage(w, r, v, http.StatusTooManyRequests, "passkeys.throttled")
	}
	return unknown(err, passkey.ErrNotFound)
}
