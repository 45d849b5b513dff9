package pktline

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// A Kind is data, or one of the markers between sections.
type Kind int

const (
	Data Kind = iota
	Flush
	Delim
	ResponseEnd
)

// maxPacket is the length of the longest line, including its four digits.
const maxPacket = 65520

// A Reader splits a stream into lines, up to a number of bytes.
type Reader struct {
	r         *bufio.Reader
	buf       []byte
	remaining int64
	limit     int64 // as it was set
}

func NewReader(r io.Reader, limit int64) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 8<<10), remaining: limit, limit: limit}
}

// SetLimit sets how many bytes may follow.
func (p *Reader) SetLimit(limit int64) { p.remaining, p.limit = limit, limit }

// Rest returns the rest of the stream.
func (p *Reader) Rest() io.Reader { return p.r }

// Next returns the next line. Its bytes are valid until the next call. The end of the stream is
// always io.ErrUnexpectedEOF, because an answer ends with a marker. A line "ERR …" is returned
// as an error.
func (p *Reader) Next() (Kind, []byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(p.r, head[:]); err != nil {
		return 0, nil, giterr.UnexpectedEOF(err)
	}

	length, err := packetLength(head)
	if err != nil {
		return 0, nil, err
	}
	if p.remaining -= int64(max(length, len(head))); p.remaining < 0 {
		return 0, nil, fmt.Errorf("%w: the answer has more than %d bytes", giterr.ErrLimit, p.limit)
	}

	if length < len(head) {
		return Kind(length + 1), nil, nil // 0000, 0001, 0002
	}

	if length -= len(head); cap(p.buf) < length {
		p.buf = make([]byte, max(length, 512))
	}

	data := p.buf[:length]
	if _, err := io.ReadFull(p.r, data); err != nil {
		return 0, nil, giterr.UnexpectedEOF(err)
	}
	if message, ok := bytes.CutPrefix(data, []byte("ERR ")); ok {
		return 0, nil, serverError(message)
	}

	return Data, data, nil
}

// NextText returns the next line as text without its newline, or the marker.
func (p *Reader) NextText() (Kind, string, error) {
	kind, data, err := p.Next()
	return kind, strings.TrimSuffix(string(data), "\n"), err
}

// Finish reads what may follow the last line, an end marker or nothing, so that the connection
// can be used again.
func (p *Reader) Finish() {
	_, _ = io.CopyN(io.Discard, p.r, 64)
}

func packetLength(head [4]byte) (int, error) {
	length := 0
	for _, c := range head {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 {
			return 0, fmt.Errorf("%w: bad packet length %s", giterr.ErrProtocol, giterr.Quote(head[:]))
		}

		length = length<<4 | digit
	}

	if length == 3 || length > maxPacket {
		return 0, fmt.Errorf("%w: bad packet length %s", giterr.ErrProtocol, giterr.Quote(head[:]))
	}

	return length, nil
}

func Append(b []byte, line string) []byte {
	return append(fmt.Appendf(b, "%04x", len(line)+4), line...)
}

// isMissing reports whether a message says that an object does not exist, or is not served. The
// protocol has no codes, so it compares sentences of git and JGit ("want ID not valid"), which
// have been stable for years.
func isMissing(message []byte) bool {
	return bytes.Contains(message, []byte("not our ref")) || bytes.Contains(message, []byte("want ")) &&
		bytes.Contains(message, []byte(" not valid"))
}

// serverError returns a server's message as an error.
func serverError(message []byte) error {
	if isMissing(message) {
		return fmt.Errorf("%w: the server says %s", giterr.ErrMissing, giterr.Quote(message))
	}
	return fmt.Errorf("%w: the server says %s", giterr.ErrProtocol, giterr.Quote(message))
}
