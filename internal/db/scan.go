package db

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"reflect"
	"slices"
)

// scanRow copies a row of SQLite's to dst, as database/sql does where the types
// agree: text, whole numbers, truth as 0 or 1, bytes, named types of these, and
// pointers to them where NULL may be. It does not turn one into another, which
// PostgreSQL would not do either.
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

// scanValue knows the commonest pairs by their types; reflection finds the
// others.
func scanValue(dst any, v driver.Value) error {
	switch d := dst.(type) {
	case *string:
		if s, ok := v.(string); ok {
			*d = s
			return nil
		}
	case **string:
		if s, ok := v.(string); ok {
			*d = &s
			return nil
		}
	case *int64:
		if n, ok := v.(int64); ok {
			*d = n
			return nil
		}

	case sql.Scanner:
		return d.Scan(v)
	}

	to := reflect.ValueOf(dst)
	if to.Kind() != reflect.Pointer || to.IsNil() {
		return fmt.Errorf("%T is no pointer", dst)
	}

	return scanTo(to.Elem(), v)
}

func scanTo(to reflect.Value, v driver.Value) error {
	if v == nil && (to.Kind() == reflect.Pointer || to.Kind() == reflect.Slice) {
		to.SetZero()
		return nil
	}

	switch v := v.(type) {
	case string:
		if to.Kind() == reflect.String {
			to.SetString(v)
			return nil
		}
	case int64:
		switch {
		case to.CanInt() && !to.OverflowInt(v):
			to.SetInt(v)
			return nil
		case to.Kind() == reflect.Bool && (v == 0 || v == 1):
			to.SetBool(v == 1)
			return nil
		}
	}

	switch {
	case to.Kind() == reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		return scanTo(to.Elem(), v)
	case to.Kind() == reflect.Slice && to.Type().Elem().Kind() == reflect.Uint8:
		return scanBytes(to, v)
	}

	return fmt.Errorf("%T does not fit in %s", v, to.Type())
}

func scanBytes(to reflect.Value, v driver.Value) error {
	switch v := v.(type) {
	case []byte:
		to.SetBytes(slices.Clone(v))
	case string:
		to.SetBytes([]byte(v))
	default:
		return fmt.Errorf("%T does not fit in %s", v, to.Type())
	}
	return nil
}
