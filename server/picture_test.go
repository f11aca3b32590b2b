package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/config"
	"signet/server/servertest"
	"signet/storage"
	"signet/users/picture"
)

const picturePath = "/account/profile/picture"

func pngFile(t testing.TB, side int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, side, side))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// uploadForm is the form of the profile page with a file.
func uploadForm(t testing.TB, mark, name string, file []byte) (kind string, body *bytes.Buffer) {
	t.Helper()
	body = &bytes.Buffer{}
	form := multipart.NewWriter(body)
	if mark != "" {
		_ = form.WriteField("as", mark)
	}
	part, err := form.CreateFormFile(name, "me.html") // as whose name says nothing
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(file)
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return form.FormDataContentType(), body
}

// sendPicture sends the form of the profile page that is in view.
func sendPicture(t testing.TB, b *servertest.Browser, file []byte) *servertest.Browser {
	t.Helper()
	kind, body := uploadForm(t, b.FormWith("file").Fields.Get("as"), "file", file)
	return b.PostBody(t, picturePath, kind, body)
}

func pictureID(t testing.TB, s *servertest.Server, id string) string {
	t.Helper()
	u, err := s.Services().People.ByID(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return s.Services().Pictures.Of(u)
}

func TestM07_APersonsPictureFromUploadToErasure(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), engine)
		ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
		app := s.App(t, "shop").With("openid", "profile")
		b.Get(t, "/signin").SignIn(t, ada).Get(t, "/account/profile")
		if sendPicture(t, b, pngFile(t, 400)); b.Status != http.StatusOK || !strings.Contains(b.Text("main"), "Your picture has been saved") {
			t.Fatalf("%d %s", b.Status, b.Text("main"))
		}
		address := "/pictures/" + pictureID(t, s, ada.ID)
		img := `<img class="seal" src="` + address + `" alt=""`
		for _, path := range []string{"/account/profile", "/account", "/choose"} {
			if b.Get(t, path); !strings.Contains(b.Body, img) {
				t.Errorf("%s does not show it", path)
			}
		}
		app.Begin(t, b)
		if !strings.Contains(b.Body, img) {
			t.Error("consent does not show it")
		}
		if b.Get(t, "/account/profile"); b.FormWith("profile-submit").Fields.Has("picture") {
			t.Error("the address is a field, too")
		}
		b.Submit(t, "profile-submit", url.Values{"name": {"Ada"}}) // another change keeps it
		if "/pictures/"+pictureID(t, s, ada.ID) != address {
			t.Error("it went with another change")
		}

		apart := s.Browser(t).Get(t, address) // no cookie is asked for
		h := apart.Header
		made, err := jpeg.Decode(strings.NewReader(apart.Body))
		if err != nil || made.Bounds().Dx() != 256 || h.Get("Content-Type") != "image/jpeg" || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Content-Security-Policy") != "default-src 'none'; sandbox" || h.Get("Cross-Origin-Resource-Policy") != "cross-origin" ||
			h.Get("Cache-Control") != "public, max-age=86400, immutable" || h.Get("Set-Cookie") != "" {
			t.Errorf("%v, %v", h, err)
		}
		token := app.Login(t, s.Browser(t), ada)
		if claims := app.Userinfo(t, token.AccessToken); claims["picture"] != "https://id.example.com"+address {
			t.Errorf("the claim is %v", claims["picture"])
		}
		all, err := s.Services().Export.Make(t.Context(), ada.ID)
		if err != nil || string(all.Profile.Picture) != apart.Body {
			t.Errorf("export: %d bytes, %v", len(all.Profile.Picture), err)
		}
		if _, err := s.Services().Deletion.Delete(t.Context(), ada.ID, true); err != nil {
			t.Fatal(err)
		}
		if apart.Get(t, address); apart.Status != http.StatusNotFound {
			t.Errorf("after the account: %d", apart.Status)
		}
	})
}

func TestM07_WhatIsRefusedIsTold(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet())
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	huge := pngFile(t, 10)
	copy(huge[16:], "\x00\x01\x00\x00\x00\x01\x00\x00")
	for name, tt := range map[string]struct {
		file   []byte
		status int
		text   string
	}{
		"none":      {nil, 400, "Choose a file first"},
		"page":      {[]byte("<!doctype html><script>alert(1)</script>"), 400, "Choose a PNG, JPEG or GIF file"},
		"cut":       {pngFile(t, 100)[:60], 400, "This file is damaged"},
		"huge":      {huge, 400, "too many pixels"},
		"too large": {make([]byte, picture.MaxBytes+1), 413, "larger than 1 MB"},
		"a photo":   {make([]byte, 6<<20), 413, "larger than 1 MB"},
	} {
		b.Get(t, "/account/profile")
		if sendPicture(t, b, tt.file); b.Status != tt.status || !strings.Contains(b.Text("main"), tt.text) || !b.Has("file-error") {
			t.Errorf("%s: %d %.300s", name, b.Status, b.Text("main"))
		}
	}
	b.Get(t, "/account/profile")
	if sendPicture(t, b, make([]byte, 9<<20)); b.Status != http.StatusRequestEntityTooLarge || !strings.Contains(b.Text("main"), "too large") {
		t.Errorf("more than is read: %d %.300s", b.Status, b.Text("main"))
	}
	for name, body := range map[string][2]string{
		"a form":      {"application/x-www-form-urlencoded", "file=x"},
		"no boundary": {"multipart/form-data", "x"},
		"cut":         {"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nGIF89a"},
		"many fields": {"multipart/form-data; boundary=b",
			strings.Repeat("--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n", 50) + "--b--"},
		"another type":  {"application/json", `{"file":"x"}`},
		"a long header": {"multipart/form-data; boundary=b", "--b\r\nX: " + strings.Repeat("x", 3<<20)},
	} {
		if b.PostBody(t, picturePath, body[0], strings.NewReader(body[1])); b.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %.300s", name, b.Status, b.Text("main"))
		}
	}
	if id := pictureID(t, s, ada.ID); id != "" {
		t.Errorf("there is %s", id)
	}
	// Other routes keep their limit.
	if b.Post(t, "/account/profile", url.Values{"name": {strings.Repeat("a", 64<<10)}}); b.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("the profile itself: %d", b.Status)
	}
}

func TestM07_NobodyElseChangesAPicture(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, strangersPicture)
}

func strangersPicture(t *testing.T, engine servertest.Option) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), engine)
	ada, bob := s.Person(t, "ada@example.com"), s.Person(t, "bob@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada).Get(t, "/account/profile")
	sendPicture(t, b, pngFile(t, 50))
	id := pictureID(t, s, ada.ID)
	mark := b.Get(t, "/account/profile").FormWith("file").Fields.Get("as")
	same := func(what string) {
		t.Helper()
		if got := pictureID(t, s, ada.ID); got != id || id == "" {
			t.Errorf("%s: %q became %q", what, id, got)
		}
	}
	kind, body := uploadForm(t, mark, "file", pngFile(t, 60))
	stranger := s.Browser(t)
	read := &counting{Reader: bytes.NewReader(body.Bytes())}
	if stranger.PostBody(t, picturePath, kind, read); !strings.Contains(stranger.URL.Path, "/signin") || read.n > 0 {
		t.Errorf("a stranger: %s, %d bytes were read", stranger.URL, read.n)
	}
	same("a stranger")
	b.Extra = http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}
	for _, path := range []string{picturePath, picturePath + "/remove"} {
		if b.PostBody(t, path, kind, bytes.NewReader(body.Bytes())); b.Status != http.StatusForbidden {
			t.Errorf("another site's page, %s: %d", path, b.Status)
		}
	}
	b.Extra = nil
	same("another site's page")
	his := s.Browser(t)
	his.Get(t, "/signin").SignIn(t, bob)
	if his.PostBody(t, picturePath, kind, bytes.NewReader(body.Bytes())); his.Status != http.StatusConflict {
		t.Errorf("a form of another account: %d", his.Status)
	}
	if pictureID(t, s, bob.ID) != "" {
		t.Error("it went to who is in view")
	}
	his.Post(t, picturePath+"/remove", url.Values{})
	same("bob")
	if b.Get(t, "/account/profile").Submit(t, "picture-remove", nil); !strings.Contains(b.Text("main"), "picture has been removed") {
		t.Errorf("%d %s", b.Status, b.Text("main"))
	}
	if b.Get(t, "/pictures/"+id); b.Status != http.StatusNotFound || pictureID(t, s, ada.ID) != "" {
		t.Errorf("removed: %d", b.Status)
	}
}

type counting struct {
	io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

func TestM07_UploadsAtOnceAreOneAtATime(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, uploadsAtOnce)
}

func uploadsAtOnce(t *testing.T, engine servertest.Option) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), engine)
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada).Get(t, "/account/profile")
	kind, body := uploadForm(t, b.FormWith("file").Fields.Get("as"), "file", pngFile(t, 300))
	var mu sync.Mutex
	answers := map[int]int{}
	var all sync.WaitGroup
	for range 12 {
		tab := b.Tab(t)
		all.Go(func() {
			tab.PostBody(t, picturePath, kind, bytes.NewReader(body.Bytes()))
			mu.Lock()
			defer mu.Unlock()
			answers[tab.Status]++
		})
	}
	all.Wait()
	if answers[200] < 1 || answers[200]+answers[503] != 12 {
		t.Errorf("%v", answers)
	}
	if _, err := s.Services().Pictures.Read(t.Context(), pictureID(t, s, ada.ID)); err != nil {
		t.Error(err)
	}
	for range 25 { // a flood of one person's
		b.PostBody(t, picturePath, kind, bytes.NewReader(body.Bytes()))
	}
	if b.Status != http.StatusTooManyRequests || b.Header.Get("Retry-After") == "" || !strings.Contains(b.Text("main"), "many pictures") {
		t.Errorf("%d %v", b.Status, b.Header)
	}
}

func TestM07_WithoutUploadsPicturesCanBeRemovedStill(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(),
		servertest.Change(func(c *config.Config) { c.Accounts.Pictures = false }))
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	if b.Get(t, "/account/profile"); b.Has("file") || b.Has("picture-remove") {
		t.Error("the page offers it")
	}
	kind, body := uploadForm(t, "", "file", pngFile(t, 30))
	if b.PostBody(t, picturePath, kind, body); b.Status != http.StatusNotFound && b.Status != http.StatusMethodNotAllowed {
		t.Errorf("%d", b.Status)
	}
	if err := s.Services().Pictures.Set(t.Context(), ada.ID, pngFile(t, 30)); err != nil { // from before
		t.Fatal(err)
	}
	b.Get(t, "/account/profile").Submit(t, "picture-remove", nil)
	if pictureID(t, s, ada.ID) != "" || b.Has("picture-remove") {
		t.Errorf("%d %s", b.Status, b.Text("main"))
	}
}

// TestM07_NoPictureLeadsAnAdministratorElsewhere, whatever address a person gives as theirs.
func TestM07_NoPictureLeadsAnAdministratorElsewhere(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	app := w.AddAuthenticator(t, w.boss)
	id := strings.Repeat("A", 26)
	elsewhere := map[string]string{"picture": "https://evil.example/pictures/" + id}
	if _, err := w.Services().People.EditProfile(t.Context(), w.bob.ID, elsewhere); err != nil {
		t.Fatal(err)
	}
	b := w.Browser(t)
	signInWith(t, b, w.boss, app)
	if b.Get(t, "/admin/people/"+w.bob.ID); strings.Contains(b.Body, `href="https://evil`) || !strings.Contains(b.Body, "/pictures/"+id) {
		t.Errorf("%d %s", b.Status, b.Body)
	}
}

// TestM07_ASlowFileHoldsNobodyUp: while one arrives a second one of the person's is refused, and other pages go on.
func TestM07_ASlowFileHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, servertest.Quiet())
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada).Get(t, "/account/profile")
	var cookies []string
	for _, c := range b.Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	there, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", there.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 1000000\r\n"+
		"Expect: 100-continue\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n",
		picturePath, there.Host, strings.Join(cookies, "; "))
	first := make([]byte, len("HTTP/1.1 100"))
	if _, err := io.ReadFull(c, first); err != nil || string(first) != "HTTP/1.1 100" { // it is being read
		t.Fatalf("%q, %v", first, err)
	}
	_, _ = io.WriteString(c, "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nGIF89a")
	kind, body := uploadForm(t, "", "file", pngFile(t, 30))
	if b.PostBody(t, picturePath, kind, body); b.Status != http.StatusServiceUnavailable {
		t.Errorf("a second one meanwhile: %d", b.Status)
	}
	if b.Get(t, "/account/profile"); b.Status != http.StatusOK {
		t.Errorf("other pages: %d", b.Status)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	answer, _ := io.ReadAll(c)
	if !bytes.Contains(answer, []byte("HTTP/1.1 400 ")) {
		t.Errorf("a part of a file: %.100s", answer)
	}
	if id := pictureID(t, s, ada.ID); id != "" {
		t.Errorf("there is %s", id)
	}
}

func TestM07_AdministratorsRemoveAPicture(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	app := w.AddAuthenticator(t, w.boss)
	if err := w.Services().Pictures.Set(t.Context(), w.bob.ID, pngFile(t, 30)); err != nil {
		t.Fatal(err)
	}
	id := pictureID(t, w.Server, w.bob.ID)
	b := w.Browser(t)
	signInWith(t, b, w.boss, app)
	page := "/admin/people/" + w.bob.ID
	if b.Get(t, page); !strings.Contains(b.Body, `href="/pictures/`+id+`"`) {
		t.Errorf("the page does not name it: %s", b.Text("main"))
	}
	if b.Post(t, page, url.Values{"what": {"remove-picture"}}); b.Status != http.StatusOK || strings.Contains(b.Body, id) {
		t.Errorf("%d %s", b.Status, b.Text("main"))
	}
	if _, err := w.Services().DB.PictureByID(t.Context(), id); err == nil || pictureID(t, w.Server, w.bob.ID) != "" {
		t.Error("it is still there")
	}
	var events []storage.Event
	events, err := w.Services().DB.EventsOfUser(t.Context(), w.bob.ID, "", 5)
	if err != nil {
		t.Fatal(err)
	}
	if raw, _ := json.Marshal(events); !bytes.Contains(raw, []byte("picture")) {
		t.Errorf("%s", raw)
	}
}
