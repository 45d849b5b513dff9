package wire

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Time is a timestamp: seconds since 1970 with exactly three decimals. Fractions of
// a millisecond are lost. The zero Time means that a member is absent.
type Time struct{ time.Time }

// MarshalJSON returns a JSON number.
func (t Time) MarshalJSON() ([]byte, error) {
	ms := t.UnixMilli()
	b := make([]byte, 0, 16)
	if ms < 0 {
		b, ms = append(b, '-'), -ms
	}
	b = strconv.AppendInt(b, ms/1000, 10)
	frac := ms % 1000
	return append(b, '.', byte('0'+frac/100), byte('0'+frac/10%10), byte('0'+frac%10)), nil
}

// UnmarshalJSON reads a JSON number of seconds since 1970. It rounds to milliseconds
// and sets t in UTC.
func (t *Time) UnmarshalJSON(b []byte) error {
	s, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.Abs(s) > 1e12 {
		return fmt.Errorf("timestamp %.32q is not a number of epoch seconds", b)
	}
	t.Time = time.UnixMilli(int64(math.Round(s * 1000))).UTC()
	return nil
}
