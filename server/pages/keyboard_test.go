package pages

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// controls gives every control of a page that the keyboard must reach a number, in the order of the document, and says what they are: of
// radio buttons the one that Tab goes to. What hides in a closed details is reached once it is open.
const controls = `(() => {
	const shown = e => e.checkVisibility({visibilityProperty: true}) && !e.disabled &&
		!(e.closest("details:not([open])") && e.localName !== "summary");
	const once = e => e.type !== "radio" || e.checked || !e.form.querySelector("[name=" + CSS.escape(e.name) + "]:checked") &&
		e === e.form.querySelector("[name=" + CSS.escape(e.name) + "]");
	window.all = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
		.filter(shown).filter(once);
	return all.map(e => e.localName + (e.id && "#" + e.id) + " " + (e.labels?.[0] || e).textContent.trim().replace(/\s+/g, " ").slice(0, 40));
})()`

// focused says which control has the focus (-1 = none) and what is wrong with how it shows: no ring, out of the window, or covered by
// what stays at the foot of the screen. A link may have two lines with nothing in its middle, so it is its first box that counts.
const focused = `(() => {
	const e = document.activeElement, i = all.indexOf(e);
	if (i < 0) { return [i, e === document.body ? "" : "the focus is on " + e.outerHTML.slice(0, 80)]; }
	const ringed = [e, e.closest(".secret")].some(x => x && getComputedStyle(x).outlineStyle !== "none" &&
		parseFloat(getComputedStyle(x).outlineWidth) >= 2);
	const box = e.getClientRects()[0], x = box.left + Math.min(box.width, 8) / 2, y = box.top + box.height / 2;
	const on = document.elementFromPoint(x, y);
	const wrong = [];
	if (!ringed) { wrong.push("it shows no ring"); }
	if (box.width < 1 || box.height < 1) { wrong.push("it has no size"); }
	if (!on) { wrong.push("it is outside of the window"); }
	else if (!e.contains(on) && !on.contains(e) && !e.labels?.[0]?.contains(on)) { wrong.push("it is under " + on.outerHTML.slice(0, 80)); }
	return [i, wrong.join(", ")];
})()`

// fromTheTop opens what can be opened (but the list of languages, which lies over the page while it is open), and puts the focus before
// the first control, where it is on a page that asks for nothing.
const fromTheTop = `(() => {
	document.querySelectorAll("details:not(.lang)").forEach(d => d.open = true);
	const top = document.createElement("span");
	top.tabIndex = -1;
	document.body.prepend(top);
	top.focus();
	top.remove();
	return 0;
})()`

// focus is what the script above tells.
type focus struct {
	at    int
	wrong string
}

// drawn waits for the frame in which a field takes the focus by itself, or the window follows the focus.
const drawn = `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))`

func pressed(t *testing.T, ctx context.Context, keys string, options ...chromedp.KeyOption) focus {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.KeyEvent(keys, options...)); err != nil {
		t.Fatal(err)
	}
	told, err := chromedp.Run(ctx, chromedp.Evaluate[[2]any](drawn+`.then(() => `+focused+`)`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	at, _ := told[0].(float64)
	wrong, _ := told[1].(string)
	return focus{int(at), wrong}
}

// Tab reaches every control of the console, of an account and of the pages on the way to an app, one after the other as they are read, each
// with a ring that can be seen, and leaves the page at its end; the first stop of a page with a menu skips it.
func TestPagesByKeyboard(t *testing.T) { // WCAG 2.2: 2.1.1, 2.1.2, 2.4.1, 2.4.3, 2.4.7, 2.4.11
	ctx := chromium(t)
	all := samples()
	base := serveSamples(t, all)
	names := []string{"account", "profile", "sessions", "activity", "apps", "passkeys", "second_step_on", "consent", "device_confirm",
		"sign_in", "sign_up"}
	for name := range all {
		if strings.HasPrefix(name, "console") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if all[name] == nil {
			t.Fatalf("no sample %s", name)
		}
		for _, width := range []int64{1280, 360} {
			t.Run(fmt.Sprintf("%s-%d", name, width), func(t *testing.T) { walk(t, ctx, base+"/page/"+name, width) })
		}
	}
}

func walk(t *testing.T, ctx context.Context, page string, width int64) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 740), chromedp.Navigate(page)); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](drawn, chromedp.EvalAwaitPromise)); err != nil {
		t.Fatal(err)
	}
	ask[int](t, ctx, fromTheTop)
	list := ask[[]string](t, ctx, controls)
	if len(list) < 3 {
		t.Fatalf("only %q", list)
	}
	for i, what := range list {
		got := pressed(t, ctx, kb.Tab)
		if got.at != i {
			there := "nothing"
			if got.at >= 0 {
				there = list[got.at]
			}
			t.Fatalf("Tab came to %s where %s is next. %s", there, what, got.wrong)
		}
		if got.wrong != "" {
			t.Errorf("%s: %s", what, got.wrong)
		}
	}
	if got := pressed(t, ctx, kb.Tab); got.at > 0 || got.wrong != "" { // to the browser's own controls, or from the beginning
		t.Errorf("Tab does not leave the page: %d. %s", got.at, got.wrong)
	}
	if !strings.HasPrefix(list[0], "a Skip") {
		if ask[bool](t, ctx, `document.querySelector("nav") !== null`) {
			t.Errorf("the page has a menu, and begins with %s", list[0])
		}
		return
	}
	skip(t, ctx, list)
}

// skip goes past the menu: the next stop after the link is the first control of what the page is about.
func skip(t *testing.T, ctx context.Context, list []string) {
	ask[int](t, ctx, `all[0].focus(), 0`)
	pressed(t, ctx, kb.Enter)
	want := ask[int](t, ctx, `all.findIndex(e => document.querySelector("#main").contains(e) || e.closest("footer"))`)
	if got := pressed(t, ctx, kb.Tab); got.at != want {
		t.Errorf("after the skip link Tab comes to %d, not to %s", got.at, list[want])
	}
	if back := pressed(t, ctx, kb.Tab, chromedp.KeyModifiers(8)); back.at != want-1 {
		t.Errorf("Shift and Tab come to %d, not to %s", back.at, list[want-1])
	}
}
