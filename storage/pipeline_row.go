package storage

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// errColumn: a row that came down a pipeline holds what we do not take from there.
var errColumn = errors.New("a column of another type")

// scan puts the row of a statement into places.
func (s *sent) scan(dest []any) error {
	if len(s.fields) != len(dest) {
		return fmt.Errorf("%w: %d columns for %d places", errColumn, len(s.fields), len(dest))
	}
	row := s.row
	for i, to := range dest {
		n := binary.BigEndian.Uint32([]byte(row[:4]))
		row = row[4:]
		column, isNull := "", n == null
		if !isNull {
			column, row = row[:n], row[n:]
		}
		if err := scanColumn(to, column, isNull, s.fields[i]); err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	return nil
}

// scanColumn puts a column into its place, as package database/sql would for the types that we have.
func scanColumn(to any, column string, isNull bool, field pgconn.FieldDescription) error {
	switch field.DataTypeOID {
	case pgtype.TextOID, pgtype.VarcharOID:
		return scanText(to, column, isNull)
	case pgtype.Int8OID, pgtype.Int4OID, pgtype.Int2OID:
		var n int64
		for i := range len(column) {
			n = n<<8 | int64(column[i])
		}
		shift := 64 - 8*len(column)
		return scanNumber(to, n<<shift>>shift, isNull)
	case pgtype.BoolOID:
		return scanBool(to, column == "\x01", isNull)
	}
	return fmt.Errorf("%w: %d", errColumn, field.DataTypeOID)
}

func scanText(to any, text string, isNull bool) error {
	switch to := to.(type) {
	case *string:
		*to = text
		if isNull {
			return errColumn
		}
	case *optional:
		*to = optional(text)
	case *words:
		*to = nil
		if text != "" {
			*to = strings.Split(text, " ")
		}
	case *document:
		*to = nil
		if text != "" {
			*to = document(text)
		}
	case sql.Scanner:
		if isNull {
			return to.Scan(nil)
		}
		return to.Scan(text)
	default:
		return errColumn
	}
	return nil
}

func scanNumber(to any, n int64, isNull bool) error {
	switch to := to.(type) {
	case *int64:
		*to = n
		if isNull {
			return errColumn
		}
	case *number:
		*to = number(n)
	case *stamp:
		*to = stamp{}
		if !isNull {
			*to = stamp(timeOf(n))
		}
	case sql.Scanner:
		if isNull {
			return to.Scan(nil)
		}
		return to.Scan(n)
	default:
		return errColumn
	}
	return nil
}

func scanBool(to any, b, isNull bool) error {
	switch to := to.(type) {
	case *bool:
		*to = b
		if isNull {
			return errColumn
		}
	case *truth:
		*to = truth(b)
	case sql.Scanner:
		if isNull {
			return to.Scan(nil)
		}
		return to.Scan(b)
	default:
		return errColumn
	}
	return nil
}
