package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"signet/storage"
	"signet/storage/filter"
)

// People pages through those whom a filter fits: where one searches by address and then by user name, where they are asked for by the time
// of creation alone by that, else by id, which is no order in time.
func (s *Service) People(ctx context.Context, a Actor, f filter.People, q Ask) (page Page[Person], err error) {
	page.Items = []Person{}
	for act, is := range map[string]bool{"People": true, "Members": f.Group != "", "Holders": f.Role != ""} {
		if is {
			if ctx, err = s.may(ctx, a, act); err != nil {
				return page, err
			}
		}
	}
	f.ByUsername = false
	f.Search, f.CreatedSince = strings.ToLower(strings.TrimSpace(f.Search)), utc(f.CreatedSince)
	if err := s.filters(ctx, f); err != nil {
		return page, err
	}
	mark := Tag(f)[:8] + "."
	if q.After != "" {
		var ours bool
		if q.After, ours = strings.CutPrefix(q.After, mark); !ours {
			return page, invalid("after", "is not the next of a part of this list")
		}
	}
	if f.Search != "" {
		page, err = s.search(ctx, f, q)
	} else {
		var rows []storage.User
		rows, f.Until, err = s.sifted(ctx, f, q.After, q.limit()+1)
		page = paged(q, rows, personOf, func(u storage.User) string { return f.Position(u.EmailKey, u.UsernameKey, u.ID, u.CreatedAt) })
		page.Next = cmp.Or(page.Next, f.Until)
	}
	if err != nil {
		return page, fmt.Errorf("list people: %w", err)
	}
	if page.Next != "" {
		page.Next = mark + page.Next
	}
	return page, nil
}

// mostSifted is how many people a page looks at: to find the few who fit among ten million would take a minute, fifty times a second.
const mostSifted = 20_000

// sifted are people whom a filter fits, among those until a position; "" = all.
func (s *Service) sifted(ctx context.Context, f filter.People, after string, limit int) (rows []storage.User, until string, err error) {
	if f.Sifts() {
		if until, err = s.o.Stores.People.UsersUntil(ctx, f, after, mostSifted); err != nil {
			return nil, "", err
		}
	}
	f.Until = until
	rows, err = s.o.Stores.People.UsersLike(ctx, f, after, limit)
	return rows, until, err
}

// filters reports a group or a role that there is not.
func (s *Service) filters(ctx context.Context, f filter.People) error {
	if f.Group != "" {
		there, err := s.o.Stores.People.GroupExists(ctx, f.Group)
		if err != nil {
			return fmt.Errorf("look for group: %w", err)
		}
		if !there {
			return invalid("group", "there is no such group")
		}
	}
	if _, ours := shipped[f.Role]; f.Role == "" || ours {
		return nil
	}
	_, err := s.o.Stores.Permits.RolePermits(ctx, f.Role)
	if errors.Is(err, storage.ErrNotFound) {
		return invalid("role", "there is no such role")
	}
	return err
}

// search finds people by their addresses, and after these by their user names.
func (s *Service) search(ctx context.Context, of filter.People, q Ask) (page Page[Person], err error) {
	page.Items = []Person{}
	after, names := strings.CutPrefix(q.After, "u:")
	if !names {
		rows, until, err := s.sifted(ctx, of, strings.TrimPrefix(q.After, "e:"), q.limit()+1)
		if err != nil {
			return page, err
		}
		page = paged(q, rows, personOf, func(u storage.User) string { return "e:" + u.EmailKey })
		if page.Next == "" && until != "" {
			page.Next = "e:" + until
		}
		after = ""
	}
	if page.Next != "" {
		return page, nil
	}
	left := q.limit() - len(page.Items)
	if left == 0 {
		page.Next = "u:"
		return page, nil
	}
	of.ByUsername = true
	rows, until, err := s.sifted(ctx, of, after, left+1)
	if err != nil {
		return page, err
	}
	for i, u := range rows {
		if i == left {
			page.Next = "u:" + rows[i-1].UsernameKey
			break
		}
		if !strings.HasPrefix(u.EmailKey, of.Search) { // else it was found by its address
			page.Items = append(page.Items, personOf(u))
		}
	}
	if page.Next == "" && until != "" {
		page.Next = "u:" + until
	}
	return page, nil
}
