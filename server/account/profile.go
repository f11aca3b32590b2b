package account

import (
	_ "embed"
	"errors"
	"net/http"
	"slices"
	"strings"

	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/users"
	"signet/users/profile"
)

// zoneNames are those of the IANA time zone database (zone.tab, which is in the public domain), one a line.
//
//go:embed zones.txt
var zoneNames string

var zones = strings.Fields(zoneNames)

// showProfile is the form of what the person says of themselves.
func (h *Handler) showProfile(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	return h.profilePage(w, r, v, http.StatusOK, profile.Values(v.User), nil)
}

func (h *Handler) profilePage(w http.ResponseWriter, r *http.Request, v *browser.Visitor, status int, values map[string]string,
	problems []pages.Problem) error {
	page := pages.Profile{Upload: h.uploads(), HasPicture: h.pictureOf(v),
		Person: v.Person, Values: values, Zones: zones, Locales: h.Pages.Names(), Problems: problems, Done: done(r)}
	if zone := values["zoneinfo"]; zone != "" && !slices.Contains(zones, zone) {
		page.Zones = append([]string{zone}, zones...) // one that was given in another way stays
	}
	return h.Pages.Render(w, r, status, page)
}

// editProfile takes the form. Its fields are those of profile.Fields and no others (R04).
func (h *Handler) editProfile(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	fields := map[string]string{}
	for _, name := range profile.Fields() {
		if r.PostForm.Has(name) {
			fields[name] = r.PostForm.Get(name)
		}
	}
	_, err := h.Profile.EditProfile(r.Context(), v.UserID, fields)
	if mistakes, ok := errors.AsType[users.Mistakes](err); ok {
		values := profile.Values(v.User)
		for name, value := range fields {
			values[name] = strings.ToValidUTF8(value, "\uFFFD")
		}
		return h.profilePage(w, r, v, http.StatusBadRequest, values, profileProblems(mistakes))
	}
	if errors.Is(err, users.ErrChanged) {
		return &web.PageError{Status: http.StatusConflict, Kind: "expired", Cause: err}
	}
	if err != nil {
		return err
	}
	return h.back(w, r, "/account/profile", "profile")
}

// kindOfField is which text says what is wrong with a field; those not named hold plain text.
var kindOfField = map[string]string{
	"name": "name", "given_name": "name", "middle_name": "name", "family_name": "name", "nickname": "name",
	"website": "url", "profile": "url", "picture": "url", "birthdate": "birthdate", "zoneinfo": "zoneinfo", "locale": "locale",
	"phone_number": "phone_number", "street_address": "address", "postal_code": "address", "locality": "address",
	"region": "address", "country": "address",
}

func profileProblems(mistakes users.Mistakes) []pages.Problem {
	var list []pages.Problem
	for _, m := range mistakes {
		p := pages.Problem{Field: string(m.Field), Message: "profile.bad.text"}
		switch kind := kindOfField[p.Field]; {
		case errors.Is(m.Cause, users.ErrTaken):
			p.Message = "username.taken"
		case errors.Is(m.Cause, users.ErrUsername):
			p.Message = "username.invalid"
		case m.Field == users.FieldClaims:
			p = pages.Problem{Field: "name", Message: "profile.bad.large"}
		case kind != "":
			p.Message = "profile.bad." + kind
		}
		list = append(list, p)
	}
	return list
}
