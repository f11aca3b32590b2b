package authorize

import (
	"context"
	"errors"
	"net/http"
	"time"

	"signet/oauth/flow"
	"signet/oauth/refusal"
)

// afterwards is how long a pushed request is kept after the sign-in that was begun from it ended: clocks of replicas differ.
const afterwards = time.Minute

// use uses up the pushed request of a sign-in, in the transaction of its first answer: of several that were begun from one, in tabs or
// browsers, one is answered (RFC 9126 section 7.3). Whoever comes again in the same tab is led where the first answer led.
func (h *Handler) use(ctx context.Context, in flow.Interaction) error {
	if in.Request.Pushed == "" || in.Progress.Answers > 0 {
		return nil
	}
	return h.Pushes.Finish(ctx, in.Request.Pushed)
}

// used tells the app of a pushed request that it was used before; any other error is passed on.
func (h *Handler) used(w http.ResponseWriter, r *http.Request, req flow.Request, err error) error {
	if no, ok := errors.AsType[*refusal.Refusal](err); ok && no.Status < 500 {
		return h.answerRefusal(w, r, req, no)
	}
	return err
}
