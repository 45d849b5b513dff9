package server

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
)

func TestAttack28LogsContainNothingThatATerminalObeys(t *testing.T) {
	const text = "a\x1b[2J\u009b2J\u202eb\u2028c\r\nd\x7f"
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			var log bytes.Buffer
			newLogger(format, &log).Info("request", "err", text)

			line, isLine := strings.CutSuffix(log.String(), "\n")
			if !isLine || strings.ContainsFunc(line, lockstep.IsUnsafe) {
				t.Errorf("the log is %q, want one line without unsafe characters", log.String())
			}
		})
	}
}

func TestALogInJSONKeepsTheTextThatItEscapes(t *testing.T) {
	const text = "a\u009b\u202eb\u2028é"
	var log bytes.Buffer
	newLogger("json", &log).Info("request", "err", text)

	var line struct{ Err string }
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line.Err != text {
		t.Errorf("the text is %q, want %q", line.Err, text)
	}
}
