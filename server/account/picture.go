package account

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/picture"
	"signet/users/profile"
)

// Pictures is the part of *picture.Service that the profile page uses.
type Pictures interface {
	Begin(ctx context.Context, userID string) (done func(), err error)
	Set(ctx context.Context, userID string, file []byte) error
	Remove(ctx context.Context, u storage.User) error
	Of(u storage.User) string
}

const (
	profilePath = "/account/profile"
	picturePath = profilePath + "/picture"
	// mostSent is how much of a file that is too large is read and thrown away, so that the person is told; browsers tell nothing of an
	// answer that comes before they have sent all.
	mostSent = 8 << 20
	// mostMark is how long the field "as" of the form may be.
	mostMark = 1 << 10
	// mostParts is more than the form has.
	mostParts = 8
)

func (h *Handler) uploads() bool { return h.Pictures != nil && h.Uploads }

// pictureOf reports whether the visitor has a picture of ours.
func (h *Handler) pictureOf(v *browser.Visitor) bool {
	return h.Pictures != nil && h.Pictures.Of(v.User) != ""
}

func (h *Handler) mountPicture(m *web.Mux) {
	if h.Pictures == nil {
		return
	}
	m.Page("POST "+picturePath+"/remove", h.signedIn(h.removePicture), web.Nothing)
	if h.Uploads {
		m.Upload("POST "+picturePath, mostSent, h.uploadPicture, web.Nothing)
	}
}

// uploadPicture takes the form with the file. Nothing of it is read before it is known whose it is, and that no other is on its way.
func (h *Handler) uploadPicture(w http.ResponseWriter, r *http.Request) error {
	s, err := h.Login.Plain(r)
	if err != nil {
		return err
	}
	v := s.Visitor
	if v == nil || !s.Is(flow.Finish) {
		return h.Login.GoOn(w, r, s)
	}
	done, err := h.Pictures.Begin(r.Context(), v.UserID)
	if err != nil {
		return h.pictureProblem(w, r, v, err)
	}
	defer done()
	file, err := sentFile(r)
	if !browser.ForVisitor(r, v) {
		return &web.PageError{Status: http.StatusConflict, Kind: "other_account", Back: h.Browser.Path("/account", nil), Cause: err}
	}
	if err == nil {
		err = h.Pictures.Set(r.Context(), v.UserID, file)
	}
	if err != nil {
		return h.changed(h.pictureProblem(w, r, v, err))
	}
	return h.back(w, r, profilePath, "picture")
}

// errNoFile: the form came without one.
var errNoFile = errors.New("no file was chosen")

// sentFile reads the form: its other field goes to where forms of other pages have it.
func sentFile(r *http.Request) (file []byte, err error) {
	r.PostForm = url.Values{}
	unreadable := func(err error) error {
		return &web.PageError{Status: http.StatusBadRequest, Kind: "invalid_request", Cause: fmt.Errorf("read upload: %w", err)}
	}
	form, err := r.MultipartReader()
	if err != nil {
		return nil, unreadable(err)
	}
	err = errNoFile
	for range mostParts {
		part, ended := form.NextPart()
		if errors.Is(ended, io.EOF) {
			return file, err
		}
		if ended != nil {
			return nil, unreadable(ended)
		}
		switch part.FormName() {
		case "as":
			mark, err := io.ReadAll(io.LimitReader(part, mostMark))
			if err != nil {
				return nil, unreadable(err)
			}
			r.PostForm.Set("as", string(mark))
		case "file":
			if file, err = io.ReadAll(io.LimitReader(part, picture.MaxBytes+1)); err != nil {
				return nil, unreadable(err)
			}
			if len(file) == 0 {
				err = errNoFile
			}
			if len(file) > picture.MaxBytes {
				if _, lost := io.Copy(io.Discard, part); lost != nil {
					return nil, unreadable(lost)
				}
				file, err = nil, picture.ErrBytes
			}
		}
	}
	return nil, unreadable(errors.New("too many fields"))
}

// pictureProblems say what is wrong, by what it is.
var pictureProblems = []struct {
	is     error
	status int
	text   string
}{
	{errNoFile, http.StatusBadRequest, "picture.bad.none"},
	{picture.ErrFormat, http.StatusBadRequest, "picture.bad.format"},
	{picture.ErrBytes, http.StatusRequestEntityTooLarge, "picture.bad.bytes"},
	{picture.ErrSide, http.StatusBadRequest, "picture.bad.side"},
	{picture.ErrBroken, http.StatusBadRequest, "picture.bad.broken"},
	{picture.ErrBusy, http.StatusServiceUnavailable, "picture.bad.busy"},
}

// pictureProblem is the page with what is wrong with the file; other errors are returned.
func (h *Handler) pictureProblem(w http.ResponseWriter, r *http.Request, v *browser.Visitor, err error) error {
	tell := func(status int, text string) error {
		return h.profilePage(w, r, v, status, profile.Values(v.User), []pages.Problem{{Field: "file", Message: text}})
	}
	if late, ok := errors.AsType[*picture.Throttled](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(late.RetryAfter/time.Second)))
		return tell(http.StatusTooManyRequests, "picture.bad.throttled")
	}
	for _, p := range pictureProblems {
		if errors.Is(err, p.is) {
			return tell(p.status, p.text)
		}
	}
	if mistakes, ok := errors.AsType[users.Mistakes](err); ok {
		return h.profilePage(w, r, v, http.StatusBadRequest, profile.Values(v.User), profileProblems(mistakes))
	}
	if errors.Is(err, users.ErrChanged) {
		return &web.PageError{Status: http.StatusConflict, Kind: "expired", Cause: err}
	}
	return err
}

// removePicture takes it away.
func (h *Handler) removePicture(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	if err := h.Pictures.Remove(r.Context(), v.User); err != nil {
		if errors.Is(err, users.ErrChanged) {
			return &web.PageError{Status: http.StatusConflict, Kind: "expired", Cause: err}
		}
		return err
	}
	return h.back(w, r, profilePath, "picture_removed")
}
