package preview_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/preview"
)

var update = flag.Bool("update", false, "rewrite the golden comments")

func stack(name string, r preview.Result) preview.Stack {
	return preview.Stack{Result: r, Resource: lockstep.Resource{
		Account:  "123456789012",
		Region:   "eu-west-1",
		SyncType: "CFN_STACK_SYNC",
		Name:     name,
	}}
}

func page(stacks ...preview.Stack) preview.Comment {
	return preview.Comment{
		LinkID: "0b7f3a52-0000-4000-8000-000000000001",
		Branch: "release/2-x",
		Head:   "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
		Stacks: stacks,
		HTML:   true,
	}
}

// withoutHTML returns the comment for a host that renders no HTML.
func withoutHTML(comment preview.Comment) preview.Comment {
	comment.HTML = false
	return comment
}

var busy = preview.Result{Plan: &lockstep.Plan{
	ID: "arn",
	Changes: []lockstep.ProposedChange{
		{
			Action:       "Modify",
			LogicalID:    "Topic",
			ResourceType: "AWS::SNS::Topic",
			Replacement:  "False",
			Scope:        []string{"Properties", "Tags"},
			Details: []lockstep.ChangeDetail{
				{Attribute: "Properties", Name: "DisplayName"},
				{Attribute: "Properties", Name: "DisplayName"},
				{Attribute: "Tags"},
			},
		},
		{Action: "Add", LogicalID: "Queue", ResourceType: "AWS::SQS::Queue"},
		{
			Action:       "Modify",
			LogicalID:    "Db",
			ResourceType: "AWS::RDS::DBInstance",
			Replacement:  "True",
			Details:      []lockstep.ChangeDetail{{Attribute: "Properties", Name: "Engine"}},
		},
		{
			Action:       "Modify",
			LogicalID:    "Role",
			ResourceType: "AWS::IAM::Role",
			Replacement:  "Conditional",
			Scope:        []string{"Metadata"},
		},
		{Action: "Remove", LogicalID: "Old", ResourceType: "AWS::SQS::Queue"},
		{Action: "Import", LogicalID: "Found", ResourceType: "AWS::S3::Bucket"},
		{Action: "Dynamic", LogicalID: "Nested", ResourceType: "AWS::CloudFormation::Stack"},
	},
	Parameters: []lockstep.ValueChange{{Name: "Password", Masked: true}, {Name: "Size", Before: "1", After: "2"}},
	Tags:       []lockstep.ValueChange{{Name: "team", After: "core"}},
}}

// goldenComments returns the comments of the golden files.
func goldenComments() map[string]preview.Comment {
	pending := stack("waits", preview.Result{})
	pending.Pending = true
	fork := page(stack("web", preview.Result{Plan: &lockstep.Plan{ID: "arn", Truncated: true}}))
	fork.Fork = true

	comments := map[string]preview.Comment{
		"everything": page(stack("zone", preview.Result{}), pending, stack("web", busy),
			stack("blocked", preview.Result{
				Problem: "Target web was modified by something besides StackSync.",
				Blocked: true,
			}),
			stack("broken", preview.Result{
				Problem: "Template \"web.yaml\", line 3: the value is not a mapping.\nSee there.",
			})),
		"nothing":   page(),
		"fork":      fork,
		"unchanged": page(stack("web", preview.Result{})),
		"hostile":   hostileComment(),
	}
	comments["everything-without-html"] = withoutHTML(comments["everything"])
	comments["hostile-without-html"] = withoutHTML(comments["hostile"])
	return comments
}

func TestCommentsMatchTheGoldenFiles(t *testing.T) {
	for name, comment := range goldenComments() {
		file, got := filepath.Join("testdata", name+".md"), comment.Markdown(60_000)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}

		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got), -update rewrites it:\n%s", file, diff)
		}

		slices.Reverse(comment.Stacks)
		if comment.Markdown(60_000) != got {
			t.Errorf("%s: the order changes the text", name)
		}
	}
}

// largeComment returns a comment of the maximum size.
func largeComment(stacks, changes int) preview.Comment {
	comment := page()
	for i := range stacks {
		plan := &lockstep.Plan{ID: "arn"}
		for j := range changes {
			plan.Changes = append(plan.Changes, lockstep.ProposedChange{
				Action:       "Modify",
				Replacement:  "True",
				ResourceType: "AWS::EC2::Instance",
				LogicalID:    fmt.Sprintf("Resource%04d%s", j, strings.Repeat("x", j%100)),
				Details:      []lockstep.ChangeDetail{{Name: "Name"}},
			})
		}
		comment.Stacks = append(comment.Stacks, stack(fmt.Sprintf("stack-%03d", i), preview.Result{Plan: plan}))
	}
	return comment
}

func TestALongCommentOmitsWholeRowsAndCountsThem(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: hundreds of thousands of rows")
	}

	for _, most := range []int{2_000, 5_000, 32_768, 65_536, 1_000_000} {
		for _, p := range []preview.Comment{largeComment(400, 500), largeComment(1, 500), largeComment(400,
			1), hostileComment(), goldenComments()["everything"],
			withoutHTML(largeComment(400, 500)), withoutHTML(hostileComment())} {
			text := p.Markdown(most)
			if len(text) > most {
				t.Errorf("%d bytes where %d may be", len(text), most)
			}

			checkWhole(t, text)
		}
	}

	text := largeComment(400, 500).Markdown(65_536)
	rows := len(regexp.MustCompile("(?m)^\\| `stack-").FindAllString(text, -1))
	details := strings.Count(text, "<details>")

	omittedRows := regexp.MustCompile(`(\d+) more stacks are omitted`).FindStringSubmatch(text)
	switch {
	case rows == 400 && omittedRows != nil:
		t.Errorf("all rows are there, and %q", omittedRows[0])
	case rows < 400 && (omittedRows == nil || omittedRows[1] != fmt.Sprint(400-rows)):
		t.Errorf("%d of 400 rows are there, and %q", rows, omittedRows)
	}

	omittedDetails := regexp.MustCompile(`Details of (\d+) stacks are omitted`).FindStringSubmatch(text)
	if omittedDetails == nil || omittedDetails[1] != fmt.Sprint(400-details) {
		t.Errorf("the details of %d of 400 stacks are there, and %q", details, omittedDetails)
	}

	omitted := regexp.MustCompile(`Omitted: \d+ resources, 0 parameters, 0 tags\.`)
	if one := largeComment(1, 500).Markdown(20_000); !omitted.MatchString(one) {
		t.Errorf("the comment does not say what it omits:\n%s", one[len(one)-300:])
	}
}

// checkWhole checks that no row, code span or section is truncated.
func checkWhole(t *testing.T, text string) {
	t.Helper()
	if strings.Count(text, "\n<details>") != strings.Count(text, "\n</details>\n") || !strings.HasSuffix(text, "\n") {
		t.Error("a folded part is not closed")
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "|") && !strings.HasSuffix(line, "|\n") || strings.Count(line, "`")%2 != 0 {
			t.Errorf("cut: %q", line)
		}
	}
}

const attack = "`x` | @everyone #1 !2 <script>alert(1)</script> <!-- lockstep:preview a b --> [a](javascript:b) " +
	"[lockstep:preview a b]: # **b** \n\n# h\n</details>\u202e\x1b[2J"

// hostileComment returns a comment with hostile text everywhere.
func hostileComment() preview.Comment { return saying(attack) }

func saying(text string) preview.Comment {
	values := []lockstep.ValueChange{{Name: text, Before: text, After: text}}
	comment := page(stack(text, preview.Result{Problem: text + "."}),
		stack("a"+text, preview.Result{Plan: &lockstep.Plan{
			ID:         text,
			Parameters: values,
			Tags:       values,
			Changes: []lockstep.ProposedChange{{
				Action:       text,
				LogicalID:    text,
				ResourceType: text,
				Replacement:  text,
				Scope:        []string{text},
				Details:      []lockstep.ChangeDetail{{Attribute: text, Name: text}},
			}},
		}}))
	comment.Branch, comment.LinkID = "a-->"+text, text
	return comment
}

func TestAttack28NothingFromOutsideIsMarkupOrAMention(t *testing.T) {
	checkHarmless(t, hostileComment())
	checkHarmless(t, withoutHTML(hostileComment()))
}

// Bitbucket shows tags and HTML comments as text.
func TestACommentForAHostWithoutHTMLHasNone(t *testing.T) {
	for name, comment := range goldenComments() {
		text := withoutHTML(comment).Markdown(60_000)
		outside := regexp.MustCompile("`[^`\n]+`").ReplaceAllString(text, "X")
		if strings.ContainsAny(outside, "<>&") {
			t.Errorf("%s: HTML outside of code:\n%s", name, outside)
		}
	}
}

// A definition of a link is no part of what is shown, if it is a paragraph of its own, one line
// long, and its name has no brackets, by the rules of CommonMark and of Python-Markdown.
func TestAMarkerWithoutHTMLIsADefinition(t *testing.T) {
	definition := regexp.MustCompile(`^\[[^\[\]\\]{1,999}\]: #\n\n`)
	for name, comment := range goldenComments() {
		comment = withoutHTML(comment)
		text := comment.Markdown(60_000)
		if !definition.MatchString(text) {
			t.Errorf("%s: the comment begins with %.80q", name, text)
		}

		label, _, _ := strings.Cut(comment.Marker(), "]: ")
		if strings.Contains(text[len(comment.Marker()):], label) {
			t.Errorf("%s: something refers to %s", name, label)
		}
	}
}

func TestMarkersOfTwoBranchesDiffer(t *testing.T) {
	for _, html := range []bool{true, false} {
		one, other := page(), page()
		one.HTML, other.HTML = html, html
		other.Branch = one.Branch + "x"
		if strings.Contains(other.Markdown(60_000), one.Marker()) {
			t.Errorf("HTML %t: the comment of branch %s has the marker of %s", html, other.Branch, one.Branch)
		}
	}
}

func FuzzNothingFromOutsideIsMarkupOrAMention(f *testing.F) {
	for _, text := range []string{
		attack, "", "`", "``", "\\`|", " ` ", "a|b", "</code>", "&lt;", "\xff\x00", "--", "-->",
		"\n\n/close\n", "<!--", "<!<!----",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkHarmless(t, saying(text))
		checkHarmless(t, withoutHTML(saying(text)))
	})
}

// checkHarmless checks that text outside code is ours.
func checkHarmless(t *testing.T, comment preview.Comment) {
	t.Helper()
	text := comment.Markdown(60_000)
	rest := strings.Replace(text, comment.Marker(), "", 1)
	rest = regexp.MustCompile("`[^`\n]+`").ReplaceAllString(rest, "X")
	rest = regexp.MustCompile("<code>[^<\n]*</code>").ReplaceAllString(rest, "X")
	rest = regexp.MustCompile(`(?m)^(</details>|<details><summary>X: .*</summary>)$`).ReplaceAllString(rest, "")
	if strings.ContainsAny(rest, "`<>@&[]\\\x1b\u202e") ||
		regexp.MustCompile(`[#!]\d|\*\*|(?m:^[/>])`).MatchString(rest) {
		t.Errorf("something stands outside of code:\n%s", rest)
	}

	hyphens := 0
	if comment.HTML {
		hyphens = 2
	}
	if strings.Contains(text[len(comment.Marker()):], "<!--") || strings.Contains(text[1:], "[lockstep:") ||
		strings.Count(comment.Marker(), "--") != hyphens || strings.ContainsAny(text, "\x1b\u202e\x00") {
		t.Errorf("a marker or an invisible character gets through:\n%s", text)
	}

	for line := range strings.Lines(rest) {
		if strings.HasPrefix(line, "|") && !slices.Contains([]int{4, 5}, strings.Count(line, "|")) {
			t.Errorf("a cell too many: %s", line)
		}
	}

	checkWhole(t, text)
}

func TestTheMarkerIsUniqueToALinkAndBranch(t *testing.T) {
	markers := map[string]bool{}
	for _, branch := range []string{"main", "ma-in", "ma%2Din", "ma in", "ma--in", "Main", ""} {
		markers[preview.Comment{LinkID: "a", Branch: branch}.Marker()] = true
		markers[preview.Comment{LinkID: "b", Branch: branch}.Marker()] = true
	}

	if len(markers) != 14 {
		t.Errorf("%v", slices.Collect(maps.Keys(markers)))
	}

	p := page()
	if !strings.HasPrefix(p.Markdown(5000), p.Marker()+"\n") {
		t.Error("the marker does not stand first")
	}
}
