package federation

import (
	"errors"
	"net/http"
)

func newMicrosoft(Settings, *http.Client) (Provider, error) {
	return nil, errors.New("kind microsoft is not there yet")
}
