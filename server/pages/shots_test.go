package pages

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"signet/internal/mail"
	"signet/server/web"
)

var (
	shots         = flag.String("shots", "", "folder for pictures of every page and email (internal/pageshots)")
	shotLanguages = flag.String("shot-languages", "en", "of the pictures, with commas")
	shotScreen    = flag.Bool("shot-screen", false, "show what one screen of a computer shows, 1280×800, not whole pages at three widths")
	shotOnly      = flag.String("shot-only", "", "regular expression of the pages to show")
)

// sampleEmail is an email of a kind as Ada gets it.
func sampleEmail(p *Pages, kind, language string) (mail.Message, error) {
	l := mail.Email{Kind: kind, To: "ada@example.org", Name: "Ada Lovelace", Language: language, Args: everyArg,
		At: time.Date(2026, 11, 24, 20, 14, 0, 0, time.UTC)}
	ids := p.texts.named(language).known().ids
	switch {
	case ids["mail."+kind+".button"]:
		l.Link = "https://id.example.org/x?t=abc"
	case !ids["mail."+kind+".notyou"] && !slices.Contains([]string{mail.Test, mail.Deleted, mail.TokenReuse}, kind):
		l.Args = maps.Clone(everyArg)
		l.Args["NotMe"] = "https://id.example.org/not-me?t=abc"
	}
	if strings.Contains(kind, "code") {
		l.Code = "482913"
	}
	return p.Email(l)
}

// mountEmails serves the HTML of emails, which have their styles inline: the pages' policy is not theirs.
func mountEmails(m *web.Mux, p *Pages) {
	m.Page("GET /email/{kind}", func(w http.ResponseWriter, r *http.Request) error {
		message, err := sampleEmail(p, r.PathValue("kind"), r.URL.Query().Get("lang"))
		if err != nil {
			return err
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, err = w.Write([]byte(message.HTML))
		return err
	})
}

// preferring sets what the browser says of the person's wishes.
func preferring(scheme string) func(context.Context, *chromedp.Target) (chromedp.Void, error) {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		return chromedp.Void{}, err
	}
}

// shown are the paths of all pages and emails, by name.
func shown(all map[string]Page) map[string]string {
	paths := map[string]string{}
	for name := range all {
		if name != "form_post" && name != "signing_out" { // which leave at once
			paths[name] = "/page/" + name
		}
	}
	for _, kind := range mail.Kinds() {
		paths["email_"+kind] = "/email/" + kind
	}
	return paths
}

// TestPageShots makes the pictures that internal/pageshots asks for.
func TestPageShots(t *testing.T) {
	if *shots == "" {
		t.Skip("no folder for pictures: go run ./internal/pageshots")
	}
	only, err := regexp.Compile(*shotOnly)
	if err != nil {
		t.Fatal(err)
	}
	ctx := chromium(t)
	all := samples()
	base, paths := serveSamples(t, all), shown(all)
	var index strings.Builder
	index.WriteString("<!doctype html><meta charset=utf-8><title>Pages</title>" +
		"<style>img{width:24vw;vertical-align:top;border:1px solid}</style>\n")
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		if !only.MatchString(name) {
			continue
		}
		fmt.Fprintf(&index, "<h2>%s</h2>\n", name)
		for lang := range strings.SplitSeq(*shotLanguages, ",") {
			widths := []int64{360, 768, 1280}
			if *shotScreen {
				widths = widths[2:]
			}
			for _, width := range widths {
				for _, scheme := range []string{"light", "dark"} {
					file := fmt.Sprintf("%s-%s-%d-%s.png", name, lang, width, scheme)
					shoot(t, ctx, base+paths[name]+"?lang="+lang, filepath.Join(*shots, file), width, scheme)
					fmt.Fprintf(&index, "<img src=%q alt=%q loading=lazy>\n", file, file)
				}
			}
		}
	}
	if err := os.WriteFile(filepath.Join(*shots, "index.html"), []byte(index.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func shoot(t *testing.T, ctx context.Context, address, file string, width int64, scheme string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 800), preferring(scheme), chromedp.Navigate(address)); err != nil {
		t.Fatal(err)
	}
	if over := ask[int](t, ctx, "document.documentElement.scrollWidth - window.innerWidth"); over > 0 {
		t.Errorf("%s scrolls sideways by %d at %d", address, over, width)
	}
	take := chromedp.CaptureScreenshot()
	if !*shotScreen {
		// What stays at the foot of the screen would be in the middle of a picture of the whole page.
		ask[int](t, ctx, `document.querySelectorAll(".stay").forEach(e => e.style.position = "static"), 0`)
		// Of a page that fits the window and is read from the right, Chromium's picture of the whole is cut off at its beginning.
		if ask[bool](t, ctx, "document.documentElement.scrollHeight > innerHeight") {
			take = chromedp.FullScreenshot(100)
		}
	}
	picture, err := chromedp.Run(ctx, take)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
