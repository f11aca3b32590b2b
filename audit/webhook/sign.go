package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// secrets are what is sealed of a webhook.
type secrets struct {
	Current string `json:"current"`
	Old     string `json:"old,omitempty"`
}

func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(b[:])
}

// secretKey is the key of a secret as Standard Webhooks writes it.
func secretKey(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < shortestSecret || len(key) > longestSecret {
		return nil, fmt.Errorf("secret: is not %s and %d to %d bytes in base64%w", secretPrefix, shortestSecret, longestSecret,
			silent{ErrInvalid})
	}
	return key, nil
}

func (s *Service) seal(id string, x secrets) ([]byte, error) {
	plain, err := json.Marshal(x)
	if err == nil {
		plain, err = s.o.Sealer.Seal(plain, s.o.Place("webhooks", id, "sealed"))
	}
	if err != nil {
		return nil, fmt.Errorf("seal secret of webhook: %w", err)
	}
	return plain, nil
}

func (s *Service) open(r row) (x secrets, err error) {
	plain, err := s.o.Sealer.Open(r.sealed, s.o.Place("webhooks", r.ID, "sealed"))
	if err == nil {
		err = json.Unmarshal(plain, &x)
	}
	if err != nil {
		return secrets{}, fmt.Errorf("open secret of webhook: %w", err)
	}
	return x, nil
}

// signatures are the value of webhook-signature: one for each live secret, parted by blanks.
func (x secrets) signatures(oldUntil time.Time, id string, at time.Time, body []byte) (string, error) {
	live := []string{x.Current}
	if x.Old != "" && at.Before(oldUntil) {
		live = append(live, x.Old)
	}
	var list []string
	for _, text := range live {
		key, err := secretKey(text)
		if err != nil {
			return "", err
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		list = append(list, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(list, " "), nil
}
