package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/users"
	"signet/users/deletion"
	"signet/users/factor"
)

const (
	dataPath   = "/account/data"
	deletePath = "/account/delete"
)

// showData says what a person can do with what is stored about them.
func (h *Handler) showData(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	return h.Pages.Render(w, r, http.StatusOK, pages.YourData{Person: v.Person, Grace: h.Deletion.Grace(), Done: done(r)})
}

// download answers all of it as a file.
func (h *Handler) download(w http.ResponseWriter, r *http.Request, v *browser.Visitor, _ factor.Permit) error {
	all, err := h.Export.Make(r.Context(), v.UserID)
	if err != nil {
		return err
	}
	body, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="account-`+all.MadeAt.Format("2006-01-02")+`.json"`)
	_, err = w.Write(append(body, '\n'))
	return err
}

func (h *Handler) showDelete(w http.ResponseWriter, r *http.Request, v *browser.Visitor, _ factor.Permit) error {
	return h.deletePage(w, r, v, http.StatusOK)
}

func (h *Handler) deletePage(w http.ResponseWriter, r *http.Request, v *browser.Visitor, status int, problems ...pages.Problem) error {
	return h.Pages.Render(w, r, status, pages.DeleteAccount{Person: v.Person, Grace: h.Deletion.Grace(), Problems: problems})
}

// deleteAccount takes the typed confirmation.
func (h *Handler) deleteAccount(w http.ResponseWriter, r *http.Request, v *browser.Visitor, _ factor.Permit) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	if !users.IsCalled(v.User, r.PostForm.Get("confirm")) {
		return h.deletePage(w, r, v, http.StatusBadRequest, pages.Problem{Field: "confirm", Message: "delete.confirm_wrong"})
	}
	_, err := h.Deletion.Request(r.Context(), v.UserID)
	if errors.Is(err, deletion.ErrLastAdmin) {
		return h.deletePage(w, r, v, http.StatusConflict, pages.Problem{Field: "confirm", Message: "delete.last_admin"})
	}
	if err != nil {
		return err
	}
	if err := h.Browser.SignOut(w, r, v); err != nil {
		return err
	}
	return h.Browser.Go(w, r, "/account/closed", nil)
}

// closed is where deletion ends. It tells nothing of anybody.
func (h *Handler) closed(w http.ResponseWriter, r *http.Request) error {
	return h.Pages.Render(w, r, http.StatusOK, pages.AccountClosed{Grace: h.Deletion.Grace(), SignInURL: h.Browser.Path("/signin", nil)})
}

// leaving is a handler of a person who proved who they are but whose account is to be deleted, with what they came for; everybody else
// goes on to where the dispatcher leads.
func (h *Handler) leaving(f func(w http.ResponseWriter, r *http.Request, s *login.State) error) web.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		s, err := h.Login.Load(r)
		if err != nil {
			return err
		}
		if s.Leaving == nil {
			return h.Login.GoOn(w, r, s)
		}
		return f(w, r, s)
	}
}

// showKeep asks whether the account is to be kept after all.
func (h *Handler) showKeep(w http.ResponseWriter, r *http.Request, s *login.State) error {
	v := s.Leaving
	return h.Pages.Render(w, r, http.StatusOK,
		pages.KeepAccount{Action: h.Login.Path(flow.Keep, s.In), Who: v.Person, At: v.Person.At(v.User.EraseAt)})
}

// keep undoes the deletion and goes on with what the person came for, or signs out.
func (h *Handler) keep(w http.ResponseWriter, r *http.Request, s *login.State) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	v := s.Leaving
	if r.PostForm.Get("decision") != "keep" {
		if err := h.Browser.SignOut(w, r, v); err != nil {
			return err
		}
		return h.Browser.Go(w, r, "/account/closed", nil)
	}
	if err := h.Deletion.Cancel(r.Context(), v.UserID, v.SessionID); err != nil {
		return unknown(err, users.ErrNotFound)
	}
	if s.In.ID == "" {
		s.In.EndsAt = "/account?done=kept"
	}
	v.User.EraseAt = time.Time{}
	return h.Login.Continue(w, r, s, v)
}
