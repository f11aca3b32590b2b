package federation

import (
	"errors"
	"net/http"
)

func newGitHub(Settings, *http.Client) (Provider, error) {
	return nil, errors.New("kind github is not there yet")
}
