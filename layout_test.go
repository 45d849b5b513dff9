package lockstep_test

// A layoutEntry lists what a package may import from this module: names separated
// by spaces, without internal/ before them. "." is the root package.
type layoutEntry struct {
	// imports are the packages it may import.
	imports string
	// tests are further packages that its tests may import. They may also import
	// everything reachable from imports, and the packages that support tests.
	tests string
}

// layout maps each package to what it may import. An import that is not listed is a
// decision: say in the commit why the arrow is needed.
func layout() map[string]layoutEntry {
	return map[string]layoutEntry{
		// The root package.
		".": {},

		// Programs and command line.
		"cmd/lockstep": {imports: "cli"},
		"internal/cli": {
			imports: `cli/access cli/command cli/configure cli/connect cli/output cli/status config local
				model server wire`,
		},
		"internal/cli/access": {
			imports: ". cli/command cli/output client config policy server wire",
			tests:   "cli",
		},
		"internal/cli/configure": {
			imports: ". cli/command cli/output client manifest wire",
			tests:   "cli target/cfnstack",
		},
		"internal/cli/connect": {
			imports: ". cli/command cli/output client provider server wire",
			tests:   "cli",
		},
		"internal/cli/status": {
			imports: ". cli/command cli/output client wire",
			tests:   "cli",
		},
		"internal/cli/command": {
			imports: ". cli/output client local wire",
			tests:   "cli",
		},
		"internal/cli/output": {
			imports: ". wire",
			tests:   "cli",
		},
		"internal/client": {imports: "netaddr wire"},
		"internal/local": {
			imports: `. access api config db gitwire/localrepo gitwire/transport httpserver identity netaddr
				provider provider/git sample sandbox seal server target target/cfnstack trigger wire`,
		},
		"internal/server": {
			imports: `. access api apiserver commitstatus config connection console db engine
				gitwire/sshpool gitwire/transport httpserver iam identity metrics preview provider
				provider/azuredevops provider/bitbucket provider/git provider/github provider/gitlab
				queue repository sandbox seal store sts target target/cfnstack trigger`,
			tests: "local",
		},
		"internal/config":     {imports: ". db gitwire/transport httpserver netaddr seal"},
		"internal/httpserver": {imports: ". netaddr"},
		"internal/manifest":   {imports: ". client signature wire"},

		// The API and its protocols.
		"internal/wire":      {},
		"internal/model":     {imports: "wire"},
		"internal/awsjson":   {tests: "sigv4 wire"},
		"internal/awsquery":  {},
		"internal/sigv4":     {},
		"internal/apiserver": {imports: ". access api awsjson db engine iam identity ratelimit seal sigv4 wire"},
		"internal/api": {
			imports: `. access api/conversion awsjson connection db engine identity netaddr policy provider
				repository seal signature store syncstate target wire`,
			tests: "apiserver iam",
		},
		"internal/api/conversion": {imports: ". syncstate wire"},
		"internal/iam":            {imports: ". access db identity seal store wire"},
		"internal/access":         {imports: ". db identity policy seal store syncstate"},
		"internal/sts":            {imports: ". awsquery identity ratelimit seal sigv4"},
		"internal/console":        {imports: ". commitstatus db provider ratelimit seal store syncstate"},

		// The sync flow, and what runs outside of it: connections and previews.
		"internal/trigger": {imports: ". db engine provider queue ratelimit repository seal store syncstate worker"},
		"internal/engine": {
			imports: `. commitstatus db provider queue repository signature store syncstate target worker`,
		},
		"internal/commitstatus": {imports: ". db provider queue repository syncstate worker"},
		"internal/repository":   {imports: ". db provider store target worker"},
		"internal/connection":   {imports: ". db netaddr provider queue seal store worker"},
		"internal/preview": {
			imports: ". db engine provider queue repository store syncstate target worker",
			tests:   "sandbox target/cfnstack",
		},

		// The two extension points. A driver knows its contract and no other driver.
		"internal/provider": {imports: "."},
		"internal/provider/git": {
			imports: `. gitwire gitwire/object gitwire/transport provider provider/gitremote provider/rest`,
		},
		"internal/provider/azuredevops": {
			imports: `. gitwire gitwire/object gitwire/transport provider provider/gitremote provider/rest`,
		},
		"internal/provider/gitlab": {
			imports: `. gitwire gitwire/object gitwire/transport provider provider/gitremote provider/rest`,
		},
		"internal/provider/github": {
			imports: `. gitwire gitwire/object gitwire/transport provider provider/gitremote provider/rest`,
		},
		"internal/provider/bitbucket": {
			imports: `. gitwire gitwire/object gitwire/transport provider provider/gitremote provider/rest`,
		},
		"internal/provider/gitremote": {imports: ". gitwire gitwire/giterr gitwire/object provider"},
		"internal/provider/rest":      {imports: ". gitwire/giterr gitwire/transport netaddr provider"},
		"internal/target":             {imports: "."},
		"internal/target/cfnstack": {
			imports: ". netaddr target target/cfnstack/deploymentfile",
			tests:   "db sandbox",
		},
		"internal/target/cfnstack/deploymentfile": {imports: ". target"},

		// Git and CloudFormation.
		"internal/gitwire": {
			imports: `gitwire/giterr gitwire/localrepo gitwire/object gitwire/packfile gitwire/pktline
				gitwire/transport`,
		},
		"internal/gitwire/transport": {imports: "gitwire/giterr gitwire/pktline gitwire/sshpool netaddr"},
		"internal/gitwire/sshpool":   {imports: "gitwire/giterr"},
		"internal/gitwire/localrepo": {imports: "gitwire/giterr gitwire/object"},
		"internal/gitwire/packfile":  {imports: "gitwire/giterr gitwire/object"},
		"internal/gitwire/pktline":   {imports: "gitwire/giterr"},
		"internal/gitwire/object":    {imports: "gitwire/giterr"},
		"internal/gitwire/giterr":    {},
		"internal/cfn/syntax":        {},
		"internal/cfn/template":      {imports: "cfn/syntax"},
		"internal/cfn/spec":          {},
		"internal/sandbox": {
			imports: `. awsquery cfn/spec cfn/syntax cfn/template db ratelimit sandbox/rollout sandbox/store sigv4`,
		},
		"internal/sandbox/store":   {imports: "cfn/template db sandbox/rollout"},
		"internal/sandbox/rollout": {imports: "cfn/spec cfn/syntax cfn/template"},
		"internal/sample":          {},

		// State and foundations.
		"internal/store": {
			imports: ". db seal",
			tests:   "syncstate",
		},
		"internal/syncstate": {imports: ". db store"},
		"internal/queue":     {imports: "db"},
		"internal/worker":    {imports: ". db"},
		"internal/identity":  {imports: ". db policy seal"},
		"internal/policy":    {imports: "."},
		"internal/signature": {imports: "."},
		"internal/metrics":   {},
		"internal/ratelimit": {imports: "netaddr"},
		"internal/netaddr":   {},
		"internal/db":        {},
		"internal/seal":      {},

		// Support for tests.
		"internal/server/servertest": {imports: "config local server"},
		"internal/db/dbtest":         {imports: "db"},
		"internal/store/storetest":   {imports: ". db store"},
		"internal/engine/enginetest": {
			imports: `. commitstatus db engine provider queue queue/queuetest repository store syncstate
				target`,
		},
		"internal/queue/queuetest":       {imports: "db db/dbtest queue"},
		"internal/identity/identitytest": {},
		"internal/cli/clitest": {
			imports: `. api apiserver awsjson cli connection db engine iam identity provider queue
				repository seal sigv4 store sts wire`,
		},
		"internal/connection/connectiontest": {imports: ". provider"},
		"internal/api/apitest": {
			imports: `. access api apiserver connection connection/connectiontest db engine iam identity
				provider queue repository seal syncstate`,
		},
		"internal/gitwire/gitwiretest":   {},
		"internal/provider/providertest": {imports: ". provider"},
		"internal/target/targettest":     {imports: ". target"},

		// The whole program, from outside.
		"e2e":     {tests: "cli db"},
		"interop": {tests: "awsjson cli sigv4 wire"},
		"bench": {
			tests: `. access api apiserver db engine gitwire gitwire/object gitwire/transport iam identity
				provider queue seal sigv4 store target trigger`,
		},
	}
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
