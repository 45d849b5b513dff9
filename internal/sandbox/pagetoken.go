package sandbox

import (
	"encoding/base64"
	"encoding/binary"
)

// pageToken returns an opaque NextToken for the id below which the next page begins. It
// has the operation's name, so that it is not valid for another operation.
func (c *call) pageToken(id int64) string {
	b := binary.BigEndian.AppendUint64([]byte(c.action+" "), uint64(id))
	return base64.URLEncoding.EncodeToString(b)
}

func (c *call) parsePageToken(token string) (int64, error) {
	b, err := base64.URLEncoding.DecodeString(token)
	head := len(c.action) + 1
	if err != nil || len(b) != head+8 || string(b[:head]) != c.action+" " {
		return 0, validationError("NextToken is invalid")
	}
	return int64(binary.BigEndian.Uint64(b[head:])), nil
}
