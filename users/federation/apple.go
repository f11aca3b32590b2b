package federation

import (
	"errors"
	"net/http"
)

func newApple(Settings, *http.Client) (Provider, error) {
	return nil, errors.New("kind apple is not there yet")
}
