package federation

import (
	"errors"
	"net/http"
)

func newFacebook(Settings, *http.Client) (Provider, error) {
	return nil, errors.New("kind facebook is not there yet")
}
