package transport

import (
	"strings"
	"testing"
)

func FuzzAttack06UploadPackPath(f *testing.F) {
	for _, path := range []string{
		"/team/app.git", "/~ann/app", "/v3/acme/My Project/web", "/a'b", "/a\\b", "/$(id)", "/../x", "", "/",
		"/a\x00b", "/a\nb", "/\xff", "/Überblick",
	} {
		f.Add(path)
	}

	f.Fuzz(func(t *testing.T, path string) {
		got, err := uploadPackPath(path)
		if err != nil {
			return
		}

		if got == "" || got[0] == '-' && path[0] == '/' ||
			strings.ContainsAny(got, "'\"\\`$;&|<>*?!(){}[]#\x00\n\r\x1b") {
			t.Errorf("%q became %q", path, got)
		}

		for element := range strings.SplitSeq(got, "/") {
			if element == ".." {
				t.Errorf("%q became %q, which leads upwards", path, got)
			}
		}
	})
}
