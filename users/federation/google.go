package federation

import (
	"errors"
	"net/http"
)

func newGoogle(Settings, *http.Client) (Provider, error) {
	return nil, errors.New("kind google is not there yet")
}
