package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"signet/oauth/flow"
	"signet/storage"
)

// pastBatch is how many expired interactions one statement of TrimPast reads.
const pastBatch = 500

// TrimPast leaves of the authorization requests that took too long what a page needs that leads back to the app: who asked, where
// the answer would have gone, and the state. Everything else is forgotten.
func (b *Browser) TrimPast(ctx context.Context) error {
	held, err := b.past.CountPast(ctx, time.Now())
	if err != nil {
		return fmt.Errorf("count past interactions: %w", err)
	}
	for {
		list, err := b.past.ExpiredInteractions(ctx, time.Now(), pastBatch)
		if err != nil {
			return fmt.Errorf("list expired interactions: %w", err)
		}
		for _, row := range list {
			leave := b.trim
			if held++; held > b.quota.most {
				leave = func(ctx context.Context, row storage.Interaction) error {
					return b.End(ctx, flow.Interaction{ID: row.ID})
				}
			}
			if err := leave(ctx, row); err != nil {
				return err
			}
		}
		if len(list) < pastBatch {
			return nil
		}
	}
}

func (b *Browser) trim(ctx context.Context, row storage.Interaction) error {
	var req request
	if err := json.Unmarshal(row.Request, &req); err != nil || req.Purpose != flow.PurposeAuthorize {
		return b.End(ctx, flow.Interaction{ID: row.ID}) // one that cannot be read is of use to nobody
	}
	left := req.Request
	rest, err := json.Marshal(request{Purpose: req.Purpose, Answered: row.Answered(), Request: flow.Request{
		ClientID: left.ClientID, RedirectURI: left.RedirectURI, ResponseType: left.ResponseType, ResponseMode: left.ResponseMode,
		State:     left.State,
		UILocales: left.UILocales,
	}})
	if err != nil {
		return fmt.Errorf("trim interaction: %w", err)
	}
	row.Request = rest
	if err := b.past.PutPastInteraction(ctx, row, b.max); err != nil {
		return fmt.Errorf("trim interaction: %w", err)
	}
	return nil
}
