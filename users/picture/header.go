package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// What is taken (M07).
const (
	MaxBytes = 1 << 20 // of a file
	MaxSide  = 4096    // pixels

	maxMemory = 128 << 20 // that decoding may take: any plain 4096×4096 picture, few of the progressive or interlaced ones
	maxScans  = 32        // passes over a progressive picture of MaxSide; smaller ones may have more
)

// What is wrong with a file.
var (
	ErrFormat = errors.New("not a PNG, JPEG or GIF")
	ErrBytes  = errors.New("file of more than 1 MiB")
	ErrSide   = errors.New("more than 4096 pixels wide or high, or too much to decode")
	ErrBroken = errors.New("a damaged picture")
)

type format int

const (
	formatPNG format = iota
	formatJPEG
	formatGIF
)

// header is what a file says of itself before anything of it is decoded.
type header struct {
	format        format
	width, height int
	memory        int // bytes that decoding takes, at most
	scans         int // passes over the whole picture
	orientation   int // Exif: 1 to 8, 0 = not said
}

// readHeader finds it. What it says is within the limits.
func readHeader(raw []byte) (h header, err error) {
	if len(raw) > MaxBytes {
		return h, ErrBytes
	}
	switch {
	case bytes.HasPrefix(raw, []byte("\x89PNG\r\n\x1a\n")):
		h, err = pngHeader(raw)
	case bytes.HasPrefix(raw, []byte("\xff\xd8")):
		h, err = jpegHeader(raw)
	case bytes.HasPrefix(raw, []byte("GIF87a")), bytes.HasPrefix(raw, []byte("GIF89a")):
		h, err = gifHeader(raw)
	default:
		return h, ErrFormat
	}
	switch {
	case err != nil:
		return header{}, err
	case h.width < 1 || h.height < 1:
		return header{}, ErrBroken
	case h.width > MaxSide || h.height > MaxSide || h.memory > maxMemory || h.scans*h.width*h.height > maxScans*MaxSide*MaxSide:
		return header{}, ErrSide
	}
	return h, nil
}

func gifHeader(raw []byte) (header, error) {
	if len(raw) < 10 {
		return header{}, ErrBroken
	}
	h := header{format: formatGIF, scans: 1}
	h.width, h.height = int(binary.LittleEndian.Uint16(raw[6:])), int(binary.LittleEndian.Uint16(raw[8:]))
	h.memory = h.width * h.height
	return h, nil
}

// pngHeader reads the chunk IHDR, which is the first.
func pngHeader(raw []byte) (header, error) {
	const chunk = 8
	if len(raw) < chunk+8+13 || string(raw[chunk+4:chunk+8]) != "IHDR" {
		return header{}, ErrBroken
	}
	said := raw[chunk+8:]
	width, height := binary.BigEndian.Uint32(said), binary.BigEndian.Uint32(said[4:])
	if width > MaxSide || height > MaxSide { // also of more than an int holds
		return header{}, ErrSide
	}
	h := header{format: formatPNG, width: int(width), height: int(height), scans: 1, memory: 4 * int(width) * int(height)}
	depth, interlaced := said[8], said[12] != 0
	if depth == 16 {
		h.memory *= 2
	}
	if interlaced {
		h.memory *= 2
	}
	return h, nil
}

// The markers of JPEG that matter here.
const (
	startOfFrame0 = 0xc0 // baseline
	startOfFrame2 = 0xc2 // progressive
	startOfScan   = 0xda
	endOfImage    = 0xd9
	exifMarker    = 0xe1
)

// jpegHeader goes through the segments up to the picture itself.
func jpegHeader(raw []byte) (header, error) {
	h := header{format: formatJPEG}
	for at := 2; ; {
		for at < len(raw) && raw[at] != 0xff { // what a decoder skips, too
			at++
		}
		for at < len(raw) && raw[at] == 0xff {
			at++
		}
		if at+3 > len(raw) {
			return h, ErrBroken
		}
		marker := raw[at]
		at++
		if marker == 0 || marker == 1 || marker >= 0xd0 && marker <= 0xd7 { // without a length
			continue
		}
		length := int(binary.BigEndian.Uint16(raw[at:]))
		if marker == endOfImage || marker == startOfScan || length < 2 || at+length > len(raw) {
			return h, ErrBroken // no frame came before
		}
		segment := raw[at+2 : at+length]
		at += length
		switch {
		case marker == exifMarker && h.orientation == 0:
			h.orientation = orientation(segment)
		case marker >= startOfFrame0 && marker <= startOfFrame2:
			err := h.frame(segment, marker == startOfFrame2)
			h.scans = bytes.Count(raw, []byte{0xff, startOfScan})
			return h, err
		}
	}
}

// frame reads the segment that says how large the picture is.
func (h *header) frame(segment []byte, progressive bool) error {
	if len(segment) < 6 {
		return ErrBroken
	}
	h.height, h.width = int(binary.BigEndian.Uint16(segment[1:])), int(binary.BigEndian.Uint16(segment[3:]))
	parts := int(segment[5])
	if parts < 1 || parts > 4 || len(segment) < 6+3*parts {
		return ErrBroken
	}
	most, sum := 0, 0
	for i := range parts {
		sampling := segment[6+3*i+1]
		n := int(sampling>>4) * int(sampling&15)
		if n < 1 || n > 16 {
			return ErrBroken
		}
		most, sum = max(most, n), sum+n
	}
	pixels := (h.width + 31) * (h.height + 31) // whole blocks
	h.memory = pixels * sum / most
	if progressive {
		h.memory *= 5 // its coefficients are four bytes each
	}
	if parts == 4 {
		h.memory += 4 * pixels
	}
	return nil
}

const orientationTag = 0x0112

// orientation finds how the camera was held in Exif; 0 = it does not say.
func orientation(segment []byte) int {
	tiff, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00"))
	if !ok || len(tiff) < 8 {
		return 0
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	first := int64(order.Uint32(tiff[4:]))
	if first+2 > int64(len(tiff)) {
		return 0
	}
	entries := tiff[first+2:]
	const entry = 12
	for range order.Uint16(tiff[first:]) {
		if len(entries) < entry {
			return 0
		}
		if order.Uint16(entries) == orientationTag {
			if way := int(order.Uint16(entries[8:])); way <= 8 {
				return way
			}
			return 0
		}
		entries = entries[entry:]
	}
	return 0
}
