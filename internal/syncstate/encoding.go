package syncstate

import (
	"encoding/json"
	"fmt"
)

// encode returns the JSON of a revision or a sync configuration, as a column holds it.
func encode[T any](value T) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

// decode returns the value that [encode] encoded.
func decode[T any](text string) (value T, err error) {
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return value, fmt.Errorf("decode %T: %w", value, err)
	}
	return value, nil
}
