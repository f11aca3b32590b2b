package main

// pageSize is how many rows the command line reads at once.
const pageSize = 200

// everything reads page after page; read gives the rows after a key, key tells a row's.
func everything[T any](read func(after string) ([]T, error), key func(T) string) ([]T, error) {
	var all []T
	for after := ""; ; {
		page, err := read(after)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < pageSize {
			return all, nil
		}
		after = key(page[len(page)-1])
	}
}
