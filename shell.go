package lockstep

import "strings"

// ShellQuote returns text as one word for a POSIX shell, so that a command printed with it can be
// pasted. Text of letters, digits and the usual punctuation of paths stays as it is.
func ShellQuote(text string) string {
	if text != "" && strings.IndexFunc(text, needsQuotes) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func needsQuotes(r rune) bool {
	isLetter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	isDigit := r >= '0' && r <= '9'
	return !isLetter && !isDigit && !strings.ContainsRune("/._-+,:@%", r)
}
