package main

// pageSize is how many rows the command line reads at once.
const pageSize = 200

// everything reads page after page; read gives the rows after a key, key tells a row's.
func everything[T any](read func(after string) ([]T, error), key func(T) string) ([]T, error) {
	var all []T
	err := eachPage(read, func(row T) string {
		all = append(all, row)
		return key(row)
	})
	return all, err
}

// eachPage reads page after page and keeps none; see takes a row and tells its key.
func eachPage[T any](read func(after string) ([]T, error), see func(T) string) error {
	for after := ""; ; {
		page, err := read(after)
		if err != nil {
			return err
		}
		for _, row := range page {
			after = see(row)
		}
		if len(page) < pageSize {
			return nil
		}
	}
}
