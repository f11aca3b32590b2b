package signin

import (
	"errors"
	"net/http"

	"signet/oauth/flow"
	"signet/server/login"
	"signet/server/pages"
	"signet/users"
	"signet/users/session"
)

// showCode asks for the address that a sign-in code goes to.
func (h *Handler) showCode(w http.ResponseWriter, r *http.Request) error {
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	h.Browser.Bind(w, r)
	return h.codePage(w, r, s, http.StatusOK, pages.MailedCode{Username: login.Cut(s.In.Request.LoginHint)})
}

func (h *Handler) codePage(w http.ResponseWriter, r *http.Request, s *login.State, status int, p pages.MailedCode) error {
	r, p.App = h.Login.Prepare(w, r, s)
	p.AskAction, p.Action = h.Browser.Path(codePath, &s.In), h.Browser.Path(codeCheckPath, &s.In)
	p.SignInURL = h.Login.Path(flow.SignIn, s.In)
	return h.Pages.Render(w, r, status, p)
}

// guarded offers the code to whoever typed a name at which too many passwords were guessed (rule F03). The answer is the same
// whether or not there is such an account and whatever the password was.
func (h *Handler) guarded(w http.ResponseWriter, r *http.Request, s *login.State, name string) error {
	return h.codePage(w, r, s, http.StatusForbidden, pages.MailedCode{
		Username: name, Problem: "signin.guarded", ForgotURL: h.Browser.Path("/forgot", &s.In),
	})
}

// askCode has a code mailed, if what was typed is somebody; the answer is the same for all.
func (h *Handler) askCode(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	mark, err := h.Browser.Owner(r)
	if err != nil {
		return err
	}
	name := login.Typed(r, "username", login.MaxLogin)
	if name == "" {
		return h.codePage(w, r, s, http.StatusBadRequest, pages.MailedCode{Problem: "email.missing"})
	}
	if !h.MailedCode {
		guarded, err := h.Codes.Guarded(r.Context(), name)
		if err != nil {
			return err
		}
		if !guarded {
			return h.Login.ToStep(w, r, s, flow.SignIn)
		}
	}
	if err := h.Codes.AskCode(h.Login.Told(r), name, codeOwner(mark, s), h.Browser.Known(r)); err != nil {
		return login.NoMail(err)
	}
	return h.codePage(w, r, s, http.StatusOK, pages.MailedCode{Username: name, Sent: true})
}

// codeOwner is the browser and the sign-in that a code is good in.
func codeOwner(mark string, s *login.State) string { return mark + "|" + s.In.ID }

// checkCode takes the code: a first factor like a password.
func (h *Handler) checkCode(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	mark, err := h.Browser.Owner(r)
	if err != nil {
		return err
	}
	proof, err := h.Codes.CheckCode(r.Context(), codeOwner(mark, s), r.PostForm.Get("code"))
	if err == nil {
		how := session.How{AMR: []string{session.AMROTP}, ACR: session.ACRSingle, Within: proof.Commit}
		err = h.Login.Admit(w, r, s, proof.User, how)
	}
	name := login.Typed(r, "username", login.MaxLogin)
	switch {
	case errors.Is(err, users.ErrWrong), errors.Is(err, users.ErrChanged):
		if done, err := h.passed(w, r); done { // by the same code, a moment ago
			return err
		}
		h.Count("code", "failure")
		return h.codePage(w, r, s, http.StatusForbidden, pages.MailedCode{Username: name, Sent: true, Problem: "code.wrong"})
	case errors.Is(err, users.ErrFrozen): // told to whoever reads the mail
		h.Count("code", "failure")
		return h.codePage(w, r, s, http.StatusForbidden, pages.MailedCode{
			Username: name, Problem: "signin.frozen", ForgotURL: h.Browser.Path("/forgot", &s.In),
		})
	case err != nil:
		return err
	}
	h.Count("code", "success")
	return nil
}

// passed leads on where the sign-in waits for no code any more; done reports whether it did. Somebody who is signed in already and asks to
// sign in as somebody else still has to.
func (h *Handler) passed(w http.ResponseWriter, r *http.Request) (done bool, err error) {
	s, err := h.Login.Load(r)
	if err != nil {
		return true, err
	}
	if s.Is(flow.SignIn) || s.Is(flow.ChooseAccount) || s.Other || s.Late {
		return false, nil
	}
	return true, h.Login.GoOn(w, r, s)
}
