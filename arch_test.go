package lockstep_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/lockstephq/lockstep"

// A layoutEntry lists what a package may import from this module, as names
// separated by spaces; "." is the root package.
type layoutEntry struct {
	// imports are the packages it may import.
	imports string
	// tests are further packages that its tests may import. They may also import
	// everything reachable from imports, and the packages that support tests.
	tests string
}

// layout maps each package to what it may import.
func layout() map[string]layoutEntry {
	return map[string]layoutEntry{
		".": {},

		// What runs.
		"cmd/lockstep": {imports: "internal/cli"},
		"internal/cli": {imports: "internal/cli/access internal/cli/command internal/cli/configure internal/cli/connect" +
			" internal/cli/output internal/cli/status internal/config internal/local internal/model internal/server internal/wire"},
		"internal/cli/access": {imports: ". internal/cli/command internal/cli/output internal/client internal/config" +
			" internal/policy internal/server internal/wire", // a policy is checked without a server
			tests: "internal/cli"},
		"internal/cli/configure": {imports: ". internal/cli/command internal/cli/output internal/client internal/manifest internal/wire",
			tests: "internal/cli internal/target/cfnstack"}, // the driver reads what init writes
		"internal/cli/connect": {imports: "internal/cli/command internal/cli/output internal/client internal/provider internal/server internal/wire",
			tests: "internal/cli"},
		"internal/cli/status": {imports: ". internal/cli/command internal/cli/output internal/client internal/wire",
			tests: "internal/cli"},
		"internal/cli/command": {imports: ". internal/cli/output internal/client internal/local internal/wire",
			tests: "internal/cli"},
		"internal/cli/output": {imports: ". internal/wire", tests: "internal/cli"},
		"internal/local": {imports: ". internal/access internal/api internal/config internal/db internal/gitwire/localrepo" +
			" internal/gitwire/transport internal/httpserver internal/identity internal/netaddr internal/provider internal/provider/git internal/sample internal/sandbox" +
			" internal/seal internal/server internal/target internal/target/cfnstack internal/trigger internal/wire"},
		"internal/server": {imports: ". internal/access internal/api internal/apiserver internal/config internal/connection" +
			" internal/console internal/db internal/engine internal/repository internal/commitstatus internal/gitwire/sshpool" +
			" internal/gitwire/transport internal/httpserver internal/iam internal/identity" +
			" internal/metrics internal/preview internal/provider internal/provider/azuredevops internal/provider/bitbucket" +
			" internal/provider/git internal/provider/github internal/provider/gitlab internal/queue internal/sandbox" +
			" internal/seal internal/store internal/sts internal/target internal/target/cfnstack" +
			" internal/trigger",
			tests: "internal/local"},
		"internal/config":     {imports: ". internal/db internal/gitwire/transport internal/httpserver internal/netaddr internal/seal"},
		"internal/httpserver": {imports: ". internal/netaddr"},
		"internal/client":     {imports: "internal/wire internal/netaddr"},
		"internal/manifest":   {imports: ". internal/client internal/wire internal/signature"},

		// The ways in.
		"internal/wire":     {},
		"internal/model":    {imports: "internal/wire"},
		"internal/awsjson":  {tests: "internal/wire internal/sigv4"}, // AWS's clients call it, signed
		"internal/sigv4":    {},
		"internal/awsquery": {},
		"internal/apiserver": {imports: ". internal/access internal/api internal/iam internal/awsjson internal/db internal/engine" +
			" internal/identity internal/seal internal/sigv4 internal/wire"},
		"internal/api": {imports: ". internal/access internal/awsjson internal/connection internal/db internal/engine internal/repository internal/identity" +
			" internal/netaddr internal/policy internal/provider internal/seal internal/signature internal/store internal/syncstate internal/target internal/wire",
			tests: "internal/apiserver internal/iam"},
		"internal/iam":     {imports: ". internal/access internal/db internal/identity internal/seal internal/store internal/wire"},
		"internal/access":  {imports: ". internal/db internal/identity internal/policy internal/seal internal/store internal/syncstate"},
		"internal/sts":     {imports: ". internal/awsquery internal/sigv4 internal/identity internal/seal internal/ratelimit"},
		"internal/trigger": {imports: ". internal/worker internal/repository internal/db internal/store internal/syncstate internal/provider internal/engine internal/seal internal/ratelimit"},

		"internal/console": {imports: ". internal/db internal/store internal/syncstate internal/provider internal/commitstatus internal/seal internal/ratelimit"},

		// The flow.
		"internal/engine": {imports: ". internal/commitstatus internal/db internal/provider internal/queue internal/repository" +
			" internal/signature internal/store internal/syncstate internal/target internal/worker"},
		"internal/commitstatus": {imports: ". internal/db internal/provider internal/queue internal/repository internal/syncstate internal/worker"},
		"internal/repository":   {imports: ". internal/db internal/provider internal/store internal/target internal/worker"},

		// Credentials: whether they work, and how they go on working.
		"internal/connection": {imports: ". internal/worker internal/db internal/store internal/seal internal/queue internal/provider internal/netaddr"},

		// Beside the flow: what a pull request would change.
		"internal/preview": {imports: ". internal/worker internal/repository internal/db internal/store internal/syncstate internal/queue internal/provider internal/target internal/engine",
			tests: "internal/target/cfnstack internal/sandbox"},

		// The two walls of sockets: a driver knows its contract and no other driver.
		"internal/provider":             {imports: "."},
		"internal/provider/git":         {imports: ". internal/provider internal/provider/gitremote internal/provider/rest internal/gitwire internal/gitwire/object internal/gitwire/transport"},
		"internal/provider/azuredevops": {imports: ". internal/provider internal/provider/gitremote internal/provider/rest internal/gitwire internal/gitwire/object internal/gitwire/transport"},
		"internal/provider/gitlab":      {imports: ". internal/provider internal/provider/gitremote internal/provider/rest internal/gitwire internal/gitwire/object internal/gitwire/transport"},
		"internal/provider/github":      {imports: ". internal/provider internal/provider/gitremote internal/provider/rest internal/gitwire internal/gitwire/object internal/gitwire/transport"},
		"internal/provider/bitbucket":   {imports: ". internal/provider internal/provider/gitremote internal/provider/rest internal/gitwire internal/gitwire/object internal/gitwire/transport"},
		// Tools of all drivers.
		"internal/provider/gitremote": {imports: ". internal/provider internal/gitwire internal/gitwire/giterr internal/gitwire/object"},
		"internal/provider/rest":      {imports: ". internal/provider internal/gitwire/giterr internal/gitwire/transport internal/netaddr"},
		"internal/target":             {imports: "."},
		"internal/target/cfnstack": {imports: ". internal/target internal/target/cfnstack/deploymentfile internal/netaddr",
			tests: "internal/sandbox internal/db"},
		"internal/target/cfnstack/deploymentfile": {imports: ". internal/target"},

		// The floor.
		"internal/gitwire":           {imports: "internal/gitwire/giterr internal/gitwire/localrepo internal/gitwire/object internal/gitwire/packfile internal/gitwire/pktline internal/gitwire/transport"},
		"internal/gitwire/transport": {imports: "internal/netaddr internal/gitwire/giterr internal/gitwire/pktline internal/gitwire/sshpool"},
		"internal/gitwire/sshpool":   {imports: "internal/gitwire/giterr"},
		"internal/gitwire/localrepo": {imports: "internal/gitwire/giterr internal/gitwire/object"},
		"internal/gitwire/packfile":  {imports: "internal/gitwire/giterr internal/gitwire/object"},
		"internal/gitwire/pktline":   {imports: "internal/gitwire/giterr"},
		"internal/gitwire/object":    {imports: "internal/gitwire/giterr"},
		"internal/gitwire/giterr":    {},
		// CloudFormation's language and resource types, which the sandbox evaluates.
		"internal/cfn/syntax":   {},
		"internal/cfn/template": {imports: "internal/cfn/syntax"},
		"internal/cfn/spec":     {},
		"internal/sandbox": {imports: ". internal/db internal/sigv4 internal/awsquery" +
			" internal/cfn/spec internal/cfn/syntax internal/cfn/template internal/sandbox/rollout internal/sandbox/store"},
		"internal/sandbox/store":   {imports: "internal/cfn/template internal/db internal/sandbox/rollout"},
		"internal/sandbox/rollout": {imports: "internal/cfn/spec internal/cfn/syntax internal/cfn/template"},

		"internal/sample":    {},
		"internal/store":     {imports: ". internal/db internal/seal", tests: "internal/syncstate"},
		"internal/syncstate": {imports: ". internal/db internal/store"},
		"internal/queue":     {imports: "internal/db"},
		"internal/worker":    {imports: ". internal/db"},
		"internal/identity":  {imports: ". internal/db internal/seal internal/policy"},
		"internal/policy":    {imports: "."},
		"internal/signature": {imports: "."},
		"internal/metrics":   {},
		"internal/ratelimit": {},
		"internal/netaddr":   {},
		"internal/db":        {},
		"internal/seal":      {},

		// For tests alone.
		"internal/server/servertest": {imports: "internal/config internal/local internal/server"},
		"internal/db/dbtest":         {imports: "internal/db"},
		"internal/store/storetest":   {imports: ". internal/db internal/store"},
		"internal/engine/enginetest": {imports: ". internal/commitstatus internal/db internal/engine internal/provider" +
			" internal/queue internal/queue/queuetest internal/repository internal/store internal/syncstate internal/target"},
		"internal/queue/queuetest":       {imports: "internal/db internal/db/dbtest internal/queue"},
		"internal/identity/identitytest": {},
		"internal/cli/clitest": {imports: ". internal/api internal/apiserver internal/awsjson internal/cli internal/connection internal/db internal/engine" +
			" internal/iam internal/identity internal/provider internal/queue internal/seal internal/sigv4 internal/store internal/sts internal/wire"},
		"internal/connection/connectiontest": {imports: ". internal/provider"},
		"internal/api/apitest": {imports: ". internal/access internal/api internal/apiserver internal/connection" +
			" internal/connection/connectiontest internal/db internal/engine internal/iam internal/identity internal/provider" +
			" internal/queue internal/repository internal/seal internal/syncstate"},
		"internal/gitwire/gitwiretest":   {},
		"internal/provider/providertest": {imports: ". internal/provider"},
		"internal/target/targettest":     {imports: ". internal/target"},

		// The whole program, from outside.
		"e2e": {tests: "internal/cli internal/db"},
		// AWS's clients, which ask the protocol alone as well.
		"interop": {tests: "internal/awsjson internal/cli internal/sigv4 internal/wire"},
		"bench": {tests: ". internal/access internal/api internal/apiserver internal/iam internal/db internal/engine internal/gitwire internal/gitwire/object internal/gitwire/transport internal/identity internal/provider internal/queue" +
			" internal/seal internal/sigv4 internal/store internal/target internal/trigger"},
	}
}

// isTestSupport reports whether a package exists for the tests of others. Only
// tests and such packages may import it.
func isTestSupport(name string) bool {
	return strings.HasSuffix(name, "test") || name == "e2e" || name == "interop" || name == "bench"
}

// restrictedImports maps prefixes of external import paths to the only packages
// that may import them.
func restrictedImports() map[string]string {
	return map[string]string{
		"github.com/riverqueue/":                   "internal/queue",
		"github.com/jackc/pgx/":                    "internal/db internal/queue",
		"modernc.org/sqlite":                       "internal/db internal/queue",
		"github.com/tink-crypto/":                  "internal/seal",
		"github.com/prometheus/":                   "internal/metrics",
		"github.com/aws/aws-sdk-go-v2/service/kms": "internal/seal",
		"github.com/cedar-policy/":                 "internal/policy",
		"github.com/coreos/":                       "internal/identity",
		"github.com/go-jose/":                      "internal/identity internal/provider/github",
		"github.com/google/go-github/":             "internal/provider/github",
		"golang.org/x/crypto/":                     "internal/gitwire/sshpool internal/signature",
		"golang.org/x/oauth2":                      "internal/connection",
		"github.com/hiddeco/":                      "internal/signature",
		"github.com/ProtonMail/":                   "internal/signature",
		"github.com/spf13/cobra": "internal/cli internal/cli/access internal/cli/command internal/cli/configure" +
			" internal/cli/connect internal/cli/status",
		"github.com/spf13/pflag": "internal/cli/connect internal/config",
		// The product starts no process but git upload-pack, and that in one place.
		"os/exec": "internal/gitwire/localrepo",
	}
}

// Limits of size. Something longer is usually two things.
const (
	maxFileLines     = 600
	maxFunctionLines = 80
	maxPackageLines  = 3000 // without tests
)

// A source is a Go file of the module.
type source struct {
	path  string // with slashes, from the root
	pkg   string
	test  bool
	lines int
	file  *ast.File
	fset  *token.FileSet
}

// sources parses all Go files of the module. It does not ask the go command: the
// test cache tracks the files that a test opens, so a cached result is never stale.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}

		if d.IsDir() {
			if name != "." && strings.ContainsAny(d.Name()[:1], "._") || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}

		if !strings.HasSuffix(name, ".go") {
			return nil
		}

		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}

		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}

		slashed := filepath.ToSlash(name)
		all = append(all, source{
			path: slashed, pkg: path.Dir(slashed), test: strings.HasSuffix(name, "_test.go"),
			lines: strings.Count(string(text), "\n"), file: f, fset: fset,
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	return all
}

// imports returns the import paths of a file.
func (s source) imports(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, spec := range s.file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	return paths
}

// packageOf returns the name of a package of this module by its import path, and
// false for an external one.
func packageOf(importPath string) (string, bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

func TestLayoutListsEveryPackage(t *testing.T) {
	there := map[string]bool{}
	for _, s := range sources(t) {
		there[s.pkg] = true
	}

	packages := layout()
	for name := range there {
		if _, ok := packages[name]; !ok {
			t.Errorf("%s: new package: add it to layout() with what it may import", name)
		}
	}

	for name := range packages {
		if !there[name] {
			t.Errorf("layout() lists %s, which does not exist", name)
		}
	}
}

func TestPackagesImportOnlyWhatTheLayoutAllows(t *testing.T) {
	packages := layout()
	for _, s := range sources(t) {
		allowed := strings.Fields(packages[s.pkg].imports)
		if s.test {
			allowed = append(reachable(packages, s.pkg), strings.Fields(packages[s.pkg].tests)...)
		}

		for _, p := range s.imports(t) {
			dep, ours := packageOf(p)
			if !ours || slices.Contains(allowed, dep) || isTestSupport(dep) && (s.test || isTestSupport(s.pkg)) {
				continue
			}

			t.Errorf("%s: %s may not import %s", s.path, s.pkg, dep)
		}
	}
}

// reachable returns a package and every package that it imports, directly or not.
func reachable(packages map[string]layoutEntry, name string) []string {
	reached := []string{name}
	for i := 0; i < len(reached); i++ {
		for _, dep := range strings.Fields(packages[reached[i]].imports) {
			if !slices.Contains(reached, dep) {
				reached = append(reached, dep)
			}
		}
	}
	return reached
}

func TestRestrictedImportsStayWhereTheyBelong(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || isTestSupport(s.pkg) {
			continue
		}

		for _, p := range s.imports(t) {
			for prefix, allowed := range restrictedImports() {
				if strings.HasPrefix(p, prefix) && !slices.Contains(strings.Fields(allowed), s.pkg) {
					t.Errorf("%s: only %s may import %s", s.path, allowed, p)
				}
			}

			if _, ours := packageOf(p); s.pkg == "." && (ours || strings.Contains(p, ".")) {
				t.Errorf("%s: the root package may import the standard library only, not %s", s.path, p)
			}
		}
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	documented, hasCode := map[string]bool{}, map[string]bool{}
	all := sources(t)
	for _, s := range all {
		hasCode[s.pkg] = hasCode[s.pkg] || !s.test
	}

	for _, s := range all {
		counts := !s.test || !hasCode[s.pkg] // a package of tests alone has it there
		documented[s.pkg] = documented[s.pkg] || counts && s.file.Doc != nil
	}

	for name, ok := range documented {
		if !ok {
			t.Errorf("%s: no package comment", name)
		}
	}
}

func TestArchitectureHasARowForEveryPackage(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}

	for name := range layout() {
		if strings.Count(name, "/") > 1 {
			continue // described in the comment of the package above it
		}
		if !strings.Contains(string(text), "\n| `"+name+"` | ") {
			t.Errorf("ARCHITECTURE.md has no row for %s", name)
		}
	}
}

func TestNamesDescribeTheContent(t *testing.T) {
	empty := []string{
		"util", "utils", "common", "helper", "helpers", "misc", "shared", "types", "models", "base",
		"interfaces", "constants",
	}
	for _, s := range sources(t) {
		if name := s.file.Name.Name; slices.Contains(empty, strings.TrimSuffix(name, "_test")) {
			t.Errorf("%s: package name %s does not say what it provides", s.path, name)
		}

		name := strings.TrimSuffix(strings.TrimSuffix(path.Base(s.path), ".go"), "_test")
		if slices.Contains(empty, name) {
			t.Errorf("%s: file name %s does not say what is in it", s.path, name)
		}
	}
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, s := range sources(t) {
		if s.lines > maxFileLines {
			t.Errorf("%s: %d lines, at most %d", s.path, s.lines, maxFileLines)
		}

		for _, decl := range s.file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}

			lines := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1
			if lines > maxFunctionLines && !s.test {
				t.Errorf("%s: %s has %d lines, at most %d", s.path, f.Name.Name, lines, maxFunctionLines)
			}
		}
	}
}

func TestPackagesAreSmall(t *testing.T) {
	lines := map[string]int{}
	for _, s := range sources(t) {
		if !s.test {
			lines[s.pkg] += s.lines
		}
	}

	for name, n := range lines {
		if n > maxPackageLines {
			t.Errorf("%s: %d lines, at most %d: split it along its seams", name, n, maxPackageLines)
		}
	}
}

func TestNoPackageHasAnInitFunction(t *testing.T) {
	for _, s := range sources(t) {
		for _, decl := range s.file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: has an init function; use a constructor, and list drivers in internal/server/drivers.go", s.path)
			}
		}
	}
}
