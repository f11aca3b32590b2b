package account

import (
	"net/http"

	"signet/internal/mail"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/users/factor"
)

const emailPath = "/account/email"

// showEmail is the form for another address, or to prove the present one.
func (h *Handler) showEmail(w http.ResponseWriter, r *http.Request, v *browser.Visitor, _ factor.Permit) error {
	return h.emailPage(w, r, v, http.StatusOK, pages.ChangeEmail{Email: presentIfUnproven(v)})
}

// presentIfUnproven fills in the address that is waiting to be proven.
func presentIfUnproven(v *browser.Visitor) string {
	if v.User.EmailVerified {
		return ""
	}
	return v.User.Email
}

func (h *Handler) emailPage(w http.ResponseWriter, r *http.Request, v *browser.Visitor, status int, p pages.ChangeEmail) error {
	p.Person, p.Verified, p.Mail = v.Person, v.User.EmailVerified, h.Credentials.MailOn()
	return h.Pages.Render(w, r, status, p)
}

// changeEmail asks the new address for its proof, or without mail changes it at once (D11).
func (h *Handler) changeEmail(w http.ResponseWriter, r *http.Request, v *browser.Visitor, permit factor.Permit) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	typed := r.PostForm.Get("username")
	ctx := mail.WithLanguage(r.Context(), h.Pages.Language(r))
	asked, err := h.Credentials.ChangeAddress(ctx, permit, v.User, typed)
	if problems, ok := browser.Problems(err, h.Credentials.MinPassword()); ok {
		return h.emailPage(w, r, v, http.StatusBadRequest, pages.ChangeEmail{Email: shown(typed), Problems: problems})
	}
	if err != nil {
		return err
	}
	if asked {
		resend := &pages.Resend{Action: h.Browser.Path(emailPath, nil), Fields: [][2]string{{"username", shown(typed)}}, Done: login.Again(r)}
		return h.emailPage(w, r, v, http.StatusOK, pages.ChangeEmail{Asked: shown(typed), Resend: resend})
	}
	return h.back(w, r, "/account", "email")
}

// shown is a typed line as it may be shown again.
func shown(typed string) string {
	const most = 254
	return typed[:min(len(typed), most)]
}

// firstPassword gives a password to somebody who has none: they came with a passkey, or were brought along.
func (h *Handler) firstPassword(w http.ResponseWriter, r *http.Request, v *browser.Visitor, permit factor.Permit) error {
	if r.Method != http.MethodPost {
		return h.firstPasswordPage(w, r, v, http.StatusOK)
	}
	if err := login.ParseForm(r); err != nil {
		return err
	}
	ctx := mail.WithLanguage(r.Context(), h.Pages.Language(r))
	err := h.Credentials.FirstPassword(ctx, permit, v.User, r.PostForm.Get("password"))
	if problems, ok := browser.Problems(err, h.Credentials.MinPassword()); ok {
		return h.firstPasswordPage(w, r, v, http.StatusBadRequest, problems...)
	}
	if err != nil {
		return err
	}
	return h.back(w, r, "/account", "password")
}

func (h *Handler) firstPasswordPage(w http.ResponseWriter, r *http.Request, v *browser.Visitor, status int,
	problems ...pages.Problem) error {
	return h.Pages.Render(w, r, status, pages.ChangePassword{
		Person: v.Person, First: true, MinLength: h.Credentials.MinPassword(), Problems: problems,
	})
}
