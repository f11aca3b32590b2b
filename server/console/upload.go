package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"signet/admin"
	"signet/server/web"
)

// upload is what a form with files may be.
type upload struct {
	needs admin.Permission // nothing is read of who lacks it
	// refuse has the act refuse them, which writes it down.
	refuse func(ctx context.Context, acts *admin.Service, v *visit) error
	text   int64         // bytes of all its texts
	files  []string      // the fields that have them
	file   int64         // bytes of each
	wait   time.Duration // how long it may take to arrive; 0 = as long as any other form
}

const (
	// mostSent is how much of files that are too large is read and thrown away, so that the person is told; browsers tell nothing of an
	// answer that comes before they have sent all.
	mostSent = 8 << 20
	// mostParts is more than a form has.
	mostParts = 24
	// mostPlain is what other forms have (web).
	mostPlain = 64 << 10
	// mostUploads is how many are read at once, one of a person: each holds a place of those that all requests share.
	mostUploads = 4
)

// turns are the people whose forms with files are read.
type turns struct {
	mu sync.Mutex
	of map[string]bool
}

func (t *turns) enter(person string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of[person] || len(t.of) >= mostUploads {
		return false
	}
	t.of[person] = true
	return true
}

func (t *turns) leave(person string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.of, person)
}

// file is one that was sent.
type file struct {
	body  []byte
	large bool // there was more of it than there may be
}

// receive reads a form that may have files. Nothing of it is read before it is known whose it is, and that they may send it.
func (h *Handler) receive(w http.ResponseWriter, v *visit, u upload) (done func(), err error) {
	if !v.actor.Holds[u.needs] {
		return nil, asPage(u.refuse(v.Context(), h.Acts, v))
	}
	person := v.visitor.UserID
	if !h.uploads.enter(person) {
		return nil, &web.PageError{Status: http.StatusServiceUnavailable, Kind: "busy", RetryAfter: 5 * time.Second}
	}
	done = func() { h.uploads.leave(person) }
	if u.wait > 0 {
		web.Patience(w, u.wait)
	}
	if err := v.read(w, u); err != nil {
		done()
		page := &web.PageError{Status: http.StatusBadRequest, Kind: "invalid_request", Cause: fmt.Errorf("read form: %w", err)}
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			page.Status, page.Kind = http.StatusRequestEntityTooLarge, "too_large"
		}
		return nil, page
	}
	return done, nil
}

// read puts the fields of a form where others have them, and its files beside.
func (v *visit) read(w http.ResponseWriter, u upload) error {
	if kind, _, _ := mime.ParseMediaType(v.Header.Get("Content-Type")); kind != "multipart/form-data" {
		v.Body = http.MaxBytesReader(w, v.Body, u.text)
		return v.ParseForm()
	}
	form, err := v.MultipartReader()
	if err != nil {
		return err
	}
	v.PostForm, v.files = url.Values{}, map[string]file{}
	left := u.text
	for range mostParts {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := part.FormName()
		switch isFile := slices.Contains(u.files, name); {
		case isFile && part.FileName() == "": // none was chosen
		case isFile:
			one, err := readFile(part, u.file)
			if _, twice := v.files[name]; twice && err == nil {
				err = errors.New("two files of one field")
			}
			if err != nil {
				return err
			}
			v.files[name] = one
		default:
			text, err := io.ReadAll(io.LimitReader(part, left+1))
			if err != nil {
				return err
			}
			if left -= int64(len(text)); left < 0 {
				return &http.MaxBytesError{Limit: u.text}
			}
			v.PostForm.Add(name, string(text))
		}
	}
	return errors.New("too many fields")
}

// readFile reads so much of one, and throws the rest away.
func readFile(part *multipart.Part, most int64) (f file, err error) {
	if f.body, err = io.ReadAll(io.LimitReader(part, most+1)); err != nil || int64(len(f.body)) <= most {
		return f, err
	}
	_, err = io.Copy(io.Discard, part)
	return file{large: true}, err
}

// wrong is a mistake in a field of a form.
func wrong(field, text string) error {
	return &admin.Invalid{Fields: []admin.Field{{Name: field, Text: text}}}
}
