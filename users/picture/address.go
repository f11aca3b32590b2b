package picture

import (
	"encoding/json"
	"strings"

	"signet/storage"
)

const (
	path     = "/pictures/"
	idLength = 26 // of rand.Text
)

// Of is the id of the picture of a person's that is kept here; "" = the claim names none of ours.
func (s *Service) Of(u storage.User) string {
	address := claim(u)
	if !strings.HasPrefix(address, s.issuer+path) {
		return ""
	}
	return IDOf(address)
}

func claim(u storage.User) string {
	var profile struct{ Picture string }
	_ = json.Unmarshal(u.Profile, &profile) // no picture
	return profile.Picture
}

// IDOf is the id that the address of a picture of ours ends with, whatever the issuer is called; "" for all other addresses.
func IDOf(address string) string {
	at := strings.LastIndex(address, path)
	if at < 0 {
		return ""
	}
	id := address[at+len(path):]
	if len(id) != idLength || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		return ""
	}
	return id
}
