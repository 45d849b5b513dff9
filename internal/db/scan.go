package db

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"reflect"
	"slices"
)

// scanRow copies a row of SQLite to dst, as database/sql does for equal types:
// text, integers, booleans as 0 or 1, bytes, named types of these, and pointers to
// them for NULL. It does not convert between types, which PostgreSQL would not do
// either.
func scanRow(dst []any, row []driver.Value) error {
	if len(dst) != len(row) {
		return fmt.Errorf("db: a row of %d columns, scanned to %d", len(row), len(dst))
	}
	for i, v := range row {
		if err := scanValue(dst[i], v); err != nil {
			return fmt.Errorf("db: scan column %d: %w", i, err)
		}
	}
	return nil
}

// scanValue handles the most common types directly, and the others by reflection.
func scanValue(dst any, value driver.Value) error {
	switch d := dst.(type) {
	case *string:
		if s, ok := value.(string); ok {
			*d = s
			return nil
		}
	case **string:
		if s, ok := value.(string); ok {
			*d = &s
			return nil
		}
	case *int64:
		if n, ok := value.(int64); ok {
			*d = n
			return nil
		}

	case sql.Scanner:
		return d.Scan(value)
	}

	target := reflect.ValueOf(dst)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("%T is no pointer", dst)
	}

	return scanTo(target.Elem(), value)
}

func scanTo(target reflect.Value, value driver.Value) error {
	if value == nil && (target.Kind() == reflect.Pointer || target.Kind() == reflect.Slice) {
		target.SetZero()
		return nil
	}

	switch value := value.(type) {
	case string:
		if target.Kind() == reflect.String {
			target.SetString(value)
			return nil
		}
	case int64:
		switch {
		case target.CanInt() && !target.OverflowInt(value):
			target.SetInt(value)
			return nil
		case target.Kind() == reflect.Bool && (value == 0 || value == 1):
			target.SetBool(value == 1)
			return nil
		}
	}

	switch {
	case target.Kind() == reflect.Pointer:
		target.Set(reflect.New(target.Type().Elem()))
		return scanTo(target.Elem(), value)
	case target.Kind() == reflect.Slice && target.Type().Elem().Kind() == reflect.Uint8:
		return scanBytes(target, value)
	}

	return fmt.Errorf("%T does not fit in %s", value, target.Type())
}

func scanBytes(target reflect.Value, v driver.Value) error {
	switch v := v.(type) {
	case []byte:
		target.SetBytes(slices.Clone(v))
	case string:
		target.SetBytes([]byte(v))
	default:
		return fmt.Errorf("%T does not fit in %s", v, target.Type())
	}
	return nil
}
