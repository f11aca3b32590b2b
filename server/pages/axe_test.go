package pages

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// axeRun gives one line for each thing that breaks a rule of WCAG 2.2 AA or of good practice.
const axeRun = `axe.run(document, {
	runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}})
	.then(r => r.passes.length < 5 ? ["axe-core looked at nothing"] :
		r.violations.flatMap(v => v.nodes.map(n =>
			v.id + " at " + n.target.join(" ") + ": " + n.failureSummary.replace(/\s+/g, " "))))`

// Every page and email passes axe-core, in light at a computer's width and in dark at a phone's: the layout does not depend on the scheme,
// nor the colours on the width. The gate looks at each page in one of the two, at its neighbour in the other, and .ci/run full at each in
// both (SIGNET_TEST_AXE_ALL). The script is a tool that the gate fetches (SIGNET_TEST_AXE), not a part of the repository.
func TestEveryPageIsAccessible(t *testing.T) { // WCAG 2.2 AA
	path := os.Getenv("SIGNET_TEST_AXE")
	if path == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("no axe-core; it is required where CI is set")
		}
		t.Skip("no axe-core: set SIGNET_TEST_AXE to its axe.min.js")
	}
	axe, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx := chromium(t)
	all := samples()
	base, paths := serveSamples(t, all), shown(all)
	checked, both := 0, os.Getenv("SIGNET_TEST_AXE_ALL") != ""
	for i, name := range slices.Sorted(maps.Keys(paths)) {
		if strings.HasPrefix(name, "email_") && !slices.Contains([]string{"email_code", "email_reset", "email_new_device"}, name) {
			continue // the others are the same template
		}
		for j, look := range []struct {
			scheme string
			width  int64
		}{{"light", 1280}, {"dark", 320}} {
			if !both && i%2 != j {
				continue
			}
			for _, line := range axeOn(t, ctx, base+paths[name], string(axe), look.scheme, look.width) {
				t.Errorf("%s, %s at %d: %s", name, look.scheme, look.width, line)
			}
			checked++
		}
	}
	if checked < 60 {
		t.Errorf("only %d pages checked", checked)
	}
}

func axeOn(t *testing.T, ctx context.Context, page, axe, scheme string, width int64) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 800), preferring(scheme), chromedp.Navigate(page)); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](axe)); err != nil {
		t.Fatal(err)
	}
	lines, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](axeRun, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(lines, strings.Compare)
	return lines
}
