package storage

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"gorm.io/gorm/schema"
)

// How Go values lie in columns. Each type scans itself (for hand-written statements) and, as a gorm serializer of the
// same name, serves the tagged fields of the records.

// micros is a time as microseconds UTC; zero is NULL.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// The first and the last time that can be told: in JSON (RFC 3339) years have four digits. An import of an earlier release kept others for
// people, and one of them must not be the end of every list with that person.
var (
	earliest = time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC).UnixMicro()
)

// timeOf is the time that a column has.
func timeOf(n int64) time.Time { return time.UnixMicro(max(earliest, min(n, latest))).UTC() }

type stamp time.Time

// Scan implements sql.Scanner.
func (s *stamp) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*s = stamp{}
	case int64:
		*s = stamp(timeOf(v))
	default:
		return fmt.Errorf("time column holds %T", v)
	}
	return nil
}

// join writes a list as words parted by spaces; no element of our lists (scopes, amr, URIs, ids) can hold one.
func join(list []string) string { return strings.Join(list, " ") }

type words []string

// Scan implements sql.Scanner.
func (w *words) Scan(v any) error {
	s, err := textOf(v)
	*w = nil
	if s != "" {
		*w = strings.Split(s, " ")
	}
	return err
}

// orNull is a text whose "" is NULL.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// orNone is a number whose 0 is NULL.
func orNone(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

type optional string

// Scan implements sql.Scanner.
func (o *optional) Scan(v any) error {
	s, err := textOf(v)
	*o = optional(s)
	return err
}

// jsonText is JSON kept as text: comparable byte for byte, which a compare-and-swap needs.
func jsonText(raw []byte) string {
	if len(raw) == 0 {
		return "{}"
	}
	return string(raw)
}

type document []byte

// Scan implements sql.Scanner.
func (d *document) Scan(v any) error {
	s, err := textOf(v)
	*d = nil
	if s != "" {
		*d = document(s)
	}
	return err
}

// number and truth are a BIGINT and a BOOLEAN of a row that a LEFT JOIN may not have found.
type number int64

// Scan implements sql.Scanner.
func (n *number) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*n = 0
	case int64:
		*n = number(v)
	default:
		return fmt.Errorf("number column holds %T", v)
	}
	return nil
}

type truth bool

// Scan implements sql.Scanner.
func (b *truth) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*b = false
	case bool:
		*b = truth(v)
	case int64:
		*b = v != 0
	default:
		return fmt.Errorf("truth column holds %T", v)
	}
	return nil
}

func textOf(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	}
	return "", fmt.Errorf("text column holds %T", v)
}

// column is a gorm serializer made of a scanner for the way in and a function for the way out.
type column struct {
	scan  func(dst reflect.Value, v any) error
	value func(v any) any
}

// Scan implements schema.SerializerInterface.
func (c column) Scan(ctx context.Context, field *schema.Field, dst reflect.Value, v any) error {
	if err := c.scan(field.ReflectValueOf(ctx, dst), v); err != nil {
		return fmt.Errorf("%s: %w", field.DBName, err)
	}
	return nil
}

// Value implements schema.SerializerInterface.
func (c column) Value(_ context.Context, _ *schema.Field, _ reflect.Value, v any) (any, error) {
	return c.value(v), nil
}

func init() {
	schema.RegisterSerializer("micros", column{
		scan: func(dst reflect.Value, v any) error {
			var s stamp
			err := s.Scan(v)
			dst.Set(reflect.ValueOf(time.Time(s)))
			return err
		},
		value: func(v any) any { return micros(v.(time.Time)) },
	})
	schema.RegisterSerializer("words", column{
		scan: func(dst reflect.Value, v any) error {
			var w words
			err := w.Scan(v)
			dst.Set(reflect.ValueOf([]string(w)))
			return err
		},
		value: func(v any) any { return join(v.([]string)) },
	})
	schema.RegisterSerializer("optional", column{
		scan: func(dst reflect.Value, v any) error {
			s, err := textOf(v)
			dst.SetString(s)
			return err
		},
		value: func(v any) any { return orNull(v.(string)) },
	})
	schema.RegisterSerializer("document", column{
		scan: func(dst reflect.Value, v any) error {
			var d document
			err := d.Scan(v)
			dst.SetBytes(d)
			return err
		},
		value: func(v any) any { return jsonText(reflect.ValueOf(v).Bytes()) },
	})
}
