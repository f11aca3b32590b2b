package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Unfreeze gives a database back that a move froze. Where the move is finished servers may have written to the new one, which this one
// knows nothing of: ErrMoved unless the caller is sure. ErrNotFrozen if there is nothing to do.
func Unfreeze(ctx context.Context, dsn string, sure bool) (other string, err error) {
	on, err := open(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, on.close()) }()
	mark, err := markOf(ctx, on)
	switch {
	case err != nil:
		return "", err
	case mark.role == "target":
		return mark.other, fmt.Errorf("%w: the rows of this database have not all arrived from %s; finish the move, or leave this database",
			ErrAnother, mark.other)
	case mark.id == "":
		return "", ErrNotFrozen
	case !mark.finished.IsZero() && !sure:
		return mark.other, fmt.Errorf("%w to %s at %s: what was written there since is not here", ErrMoved, mark.other,
			mark.finished.Format(time.RFC3339))
	}
	return mark.other, mark.takeBack(ctx, on)
}

// takeBack removes the mark as it was read, and what freezes the database.
func (m mark) takeBack(ctx context.Context, on engine) error {
	all := make([]table, len(ours))
	for i, name := range ours {
		all[i].name = name
	}
	_, thaw := on.freezing(all)
	return on.tx(ctx, func(w writer) error {
		n, err := w.exec(ctx, "DELETE FROM signet_move WHERE id = $1 AND COALESCE(finished_at, 0) = $2", m.id, m.micros())
		if err == nil && n != 1 { // the move ended in this moment, and servers may run on the other
			err = fmt.Errorf("%w: the move to %s went on meanwhile", ErrAnother, m.other)
		}
		if err != nil {
			return err
		}
		for _, statement := range append(thaw, "DROP TABLE signet_move") {
			if _, err := w.exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}
