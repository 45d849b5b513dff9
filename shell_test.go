package lockstep_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
)

func TestAQuotedTextIsOneWordForAShell(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}

	all := []string{"/plain/path-1.2_x,y+z:@%", "", "a b", "it's", `"`, "$HOME", "$(id)", "`id`", `\`, `\'`, "''", "*",
		"?", "~", "~root", "a\nb", "\t", "!", "#x",
		"a;b", "a&b", "a|b", "<a>", "{a,b}", "[a]", "ü", "日本", "\xff\xfe", "=x", "-n", "^", "(a)", "a=b", "é́"}
	for b := 1; b < 256; b++ {
		all = append(all, "x"+string([]byte{byte(b)})+"y", string([]byte{byte(b)}))
	}

	script := "printf '%s\\0'"
	for _, word := range all {
		script += " " + lockstep.ShellQuote(word)
	}

	cmd := exec.Command(shell, "-c", script)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"HOME=/home/somebody", "LC_ALL=C"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, script)
	}

	if diff := cmp.Diff(strings.Join(all, "\x00")+"\x00", string(out)); diff != "" {
		t.Error(diff)
	}

	if plain := "/home/me/.local/share/lockstep"; lockstep.ShellQuote(plain) != plain {
		t.Errorf("%s is quoted for nothing", plain)
	}
}
