package console

import (
	"context"
	"net/http"

	"signet/admin"
	"signet/admin/setting"
	"signet/oauth/flow"
	"signet/server/pages"
)

const previewPath = settingsPath + "/branding/preview"

// previewBranding shows the page where people sign in as it would look if what is typed were kept. It writes nothing and keeps nothing: it
// answers a form of ours, so no link leads there, and who looks at it are those who typed it.
func (h *Handler) previewBranding(ctx context.Context, v *visit, seen string, dark bool) error {
	logo, logoDark, err := v.logos()
	if err != nil {
		return err
	}
	next, err := h.Acts.PreviewSetting(ctx, v.actor, v.of(), seen, v.typedSection(logo, logoDark))
	if err != nil {
		return err
	}
	look := pages.Options{Brand: next.Name, Color: next.Color}
	look.Logo, _ = setting.Picture(next.Logo) // which fits
	look.LogoDark, _ = setting.Picture(next.LogoDark)
	for _, link := range next.Links {
		look.Links.More = append(look.Links.More, pages.Link{Title: link.Title, URL: link.URL})
	}
	v.answer = func(w http.ResponseWriter, r *http.Request) error {
		return h.Pages.Preview(w, r, h.Browser.Path(previewPath, nil), look, dark, h.signInPage())
	}
	return nil
}

// previewFile is a file of the preview: the style sheet and pictures of ours in a colour, on light or on dark pages.
func (h *Handler) previewFile(w http.ResponseWriter, r *http.Request) error {
	s, actor, err := h.enter(r)
	switch {
	case err != nil:
		return err
	case !s.Is(flow.Finish):
		return h.Login.GoOn(w, r, s)
	case !actor.Holds[admin.SettingsWrite]:
		return asPage(admin.ErrRefused)
	}
	return h.Pages.PreviewFile(w, r)
}
