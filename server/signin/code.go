package signin

import (
	"errors"
	"net/http"

	"signet/oauth/flow"
	"signet/server/pages"
	"signet/users"
	"signet/users/session"
)

// showCode asks for the address that a sign-in code goes to.
func (h *Handler) showCode(w http.ResponseWriter, r *http.Request) error {
	in, _, err := h.errand(r)
	if err != nil {
		return err
	}
	h.Browser.Bind(w, r)
	return h.codePage(w, r, in, http.StatusOK, pages.MailedCode{Username: cut(in.Request.LoginHint)})
}

func (h *Handler) codePage(w http.ResponseWriter, r *http.Request, in flow.Interaction, status int, p pages.MailedCode) error {
	r, p.App = h.dress(w, r, in)
	p.AskAction, p.Action = h.Browser.Path("/signin/code", &in), h.Browser.Path("/signin/code/check", &in)
	p.SignInURL = h.Browser.Path("/signin", &in)
	return h.Pages.Render(w, r, status, p)
}

// guarded offers the code to whoever typed a name at which too many passwords were guessed (security notes F03). The answer
// is the same whether or not there is such an account and whatever the password was.
func (h *Handler) guarded(w http.ResponseWriter, r *http.Request, in flow.Interaction, name string) error {
	return h.codePage(w, r, in, http.StatusForbidden, pages.MailedCode{
		Username: name, Problem: "signin.guarded", ForgotURL: h.Browser.Path("/forgot", &in),
	})
}

// askCode has a code mailed, if what was typed is somebody; the answer is the same for all.
func (h *Handler) askCode(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	in, _, err := h.errand(r)
	if err != nil {
		return err
	}
	name := typed(r, "username", maxLogin)
	if name == "" {
		return h.codePage(w, r, in, http.StatusBadRequest, pages.MailedCode{Problem: "email.missing"})
	}
	if !h.MailedCode {
		guarded, err := h.Mailed.Guarded(r.Context(), name)
		if err != nil {
			return err
		}
		if !guarded {
			return h.Browser.Go(w, r, "/signin", &in)
		}
	}
	if err := h.Mailed.AskCode(h.told(r), name, h.codeOwner(r, in)); err != nil {
		return noMail(err)
	}
	return h.codePage(w, r, in, http.StatusOK, pages.MailedCode{Username: name, Sent: true})
}

// codeOwner is the browser and the errand that a code is good in.
func (h *Handler) codeOwner(r *http.Request, in flow.Interaction) string {
	return h.Browser.Mark(r) + "|" + in.ID
}

// checkCode takes the code: a first factor like a password.
func (h *Handler) checkCode(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	in, _, err := h.errand(r)
	if err != nil {
		return err
	}
	proof, err := h.Mailed.CheckCode(r.Context(), h.codeOwner(r, in), r.PostForm.Get("code"))
	if err == nil {
		how := session.How{AMR: []string{session.AMROTP}, ACR: session.ACRSingle, Within: proof.Hold}
		err = h.admit(w, r, in, proof.User, how)
	}
	if errors.Is(err, users.ErrWrong) || errors.Is(err, users.ErrChanged) {
		h.CountWay("code", "failure")
		return h.codePage(w, r, in, http.StatusForbidden, pages.MailedCode{Username: typed(r, "username", maxLogin), Sent: true, Problem: "code.wrong"})
	}
	if errors.Is(err, users.ErrFrozen) { // told to whoever reads the mail
		h.CountWay("code", "failure")
		return h.codePage(w, r, in, http.StatusForbidden, pages.MailedCode{
			Username: typed(r, "username", maxLogin), Problem: "signin.frozen", ForgotURL: h.Browser.Path("/forgot", &in),
		})
	}
	if err == nil {
		h.CountWay("code", "success")
	}
	return err
}
