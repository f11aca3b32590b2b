package breach

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the corpus's own digest
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"signet/internal/regular"
)

// ErrFile: not a file of sorted SHA-1 hashes.
var ErrFile = errors.New("not a sorted list of HASH:COUNT lines, HASH being SHA-1 in hexadecimal")

const (
	digits   = 2 * sha1.Size
	longest  = 96      // bytes of a line, with its end; 40 for the hash, the rest for a count
	block    = 4 << 10 // from here on lines are read one after another
	samples  = 2000    // lines that CheckFile looks at
	complete = 5 << 20 // bytes from which a list of hashes ends near FFFF… unless it was cut off
)

// File is a list on disk: lines of HASH or HASH:COUNT, sorted by hash. Nothing of it is kept in memory and it is opened anew
// for each question, so that it may be replaced (by renaming another onto it) at any time.
type File struct {
	Path string
	// Failed is told of a question that could not be answered. Nil drops it.
	Failed func(err error)
}

// Has reports whether the digest is in the list, by binary search.
func (f *File) Has(ctx context.Context, digest [sha1.Size]byte) (bool, error) {
	found, err := f.has(ctx, digest)
	if err != nil && f.Failed != nil {
		f.Failed(err)
	}
	return found, err
}

func (f *File) has(ctx context.Context, digest [sha1.Size]byte) (bool, error) {
	list, size, err := open(f.Path)
	if err != nil {
		return false, err
	}
	defer list.Close()
	want := bytes.ToUpper(hex.AppendEncode(nil, digest[:]))
	low, high := int64(0), size // both at the beginning of a line; the line sought begins in [low, high)
	for high-low > block {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		at, hash, err := lineAfter(list, low+(high-low)/2)
		if err != nil {
			return false, err
		}
		switch bytes.Compare(hash, want) {
		case 0:
			return true, nil
		case -1:
			low = at
		default:
			high = at
		}
	}
	buf := make([]byte, min(high-low+longest, size-low))
	if _, err := list.ReadAt(buf, low); err != nil {
		return false, fmt.Errorf("read %s: %w", f.Path, err)
	}
	for line := range bytes.Lines(buf[:]) {
		if hash, ok := hashOf(line); ok && bytes.Equal(hash, want) {
			return true, nil
		}
	}
	return false, nil
}

func open(path string) (*os.File, int64, error) {
	list, err := regular.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := list.Stat()
	if err != nil {
		list.Close()
		return nil, 0, err
	}
	return list, info.Size(), nil
}

// lineAfter finds the first line that begins behind the offset.
func lineAfter(list *os.File, offset int64) (at int64, hash []byte, err error) {
	var buf [2 * longest]byte
	n, err := list.ReadAt(buf[:], offset)
	if n < longest && err != nil && n == 0 {
		return 0, nil, fmt.Errorf("read %s: %w", list.Name(), err)
	}
	end := bytes.IndexByte(buf[:n], '\n') + 1
	if end == 0 || end > longest {
		return 0, nil, fmt.Errorf("%s, byte %d: %w", list.Name(), offset, ErrFile)
	}
	hash, ok := hashOf(buf[end:n])
	if !ok {
		return 0, nil, fmt.Errorf("%s, byte %d: %w", list.Name(), offset+int64(end), ErrFile)
	}
	return offset + int64(end), hash, nil
}

// hashOf reads the hash at the beginning of a line, in upper case.
func hashOf(line []byte) ([]byte, bool) {
	if len(line) < digits || len(line) > digits && !bytes.ContainsRune([]byte(":\r\n"), rune(line[digits])) {
		return nil, false
	}
	hash := bytes.ToUpper(line[:digits])
	for _, c := range hash {
		if (c < '0' || c > '9') && (c < 'A' || c > 'F') {
			return nil, false
		}
	}
	return hash, true
}

// CheckFile looks at a list's ends and at a sample of its lines: ErrFile where it is no such list, is not sorted, or was cut off.
func CheckFile(path string) error {
	list, size, err := open(path)
	if err != nil {
		return err
	}
	defer list.Close()
	complain := func(what string) error { return fmt.Errorf("%s: %s: %w", path, what, ErrFile) }
	head := make([]byte, min(size, longest))
	if _, err := list.ReadAt(head, 0); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	last, ok := hashOf(head)
	if !ok {
		return complain("the first line is no hash")
	}
	for i := int64(1); i < samples && size > longest; i++ {
		offset := size / samples * i
		if offset >= size-2*longest {
			break
		}
		_, hash, err := lineAfter(list, offset)
		if err != nil {
			return err
		}
		if bytes.Compare(hash, last) < 0 {
			return complain(fmt.Sprintf("not sorted near byte %d", offset))
		}
		last = hash
	}
	tail := make([]byte, min(size, 2*longest))
	if _, err := list.ReadAt(tail, size-int64(len(tail))); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	tail = bytes.TrimRight(tail, "\r\n")
	hash, ok := hashOf(tail[bytes.LastIndexByte(tail, '\n')+1:])
	if !ok || bytes.HasSuffix(tail, []byte(":")) {
		return complain("the last line is cut off")
	}
	if bytes.Compare(hash, last) < 0 {
		return complain("not sorted at its end")
	}
	if size > complete && hash[0] != 'F' {
		return complain("it ends in the middle: not all of it was copied")
	}
	return nil
}
