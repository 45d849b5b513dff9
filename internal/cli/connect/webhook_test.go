package connect_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/cli/clitest"
)

func TestANewWebhookIsPrintedWithItsSecretAndSteps(t *testing.T) {
	i := clitest.NewInstallation(t)
	linkInfra(t, i)

	for kind, steps := range map[string]string{
		"github":         "At GitHub:",
		"gitlab":         "Secret token",
		"gitlab-signing": "Signing token",
		"bitbucket":      "At Bitbucket:",
		"azure-devops":   "X-Lockstep-Token",
		"gitea":          "Forgejo",
		"generic":        "X-Lockstep-Signature",
	} {
		t.Run(kind, func(t *testing.T) {
			result := i.Run(t, "link", "webhook", "acme/infra", "--kind", kind, "--url", "https://hooks.example.com/").
				OK(t)

			result.Prints(t, steps)
			url := regexp.MustCompile(`(?m)^URL     https://hooks\.example\.com/webhooks/` + kind + `/[a-z2-7]{26}$`)
			if !url.MatchString(result.Stdout) {
				t.Errorf("no URL in:\n%s", result.Stdout)
			}
			if !regexp.MustCompile(`(?m)^Secret  \S{40,}$`).MatchString(result.Stdout) {
				t.Errorf("no secret in:\n%s", result.Stdout)
			}
		})
	}
}

func TestAWebhookIsShownWithoutItsSecret(t *testing.T) {
	i := clitest.NewInstallation(t)
	linkInfra(t, i)
	created := i.Run(t, "link", "webhook", "acme/infra", "--kind", "github").OK(t)
	created.Prints(t, "URL     http://127.0.0.1:", "use --url")
	secret := regexp.MustCompile(`(?m)^Secret  (\S+)$`).FindStringSubmatch(created.Stdout)[1]

	shown := i.Run(t, "link", "webhook", "acme/infra").OK(t)

	shown.Prints(t, "github /webhooks/github/", ", never delivered\n")
	if strings.Contains(shown.Stdout, secret) {
		t.Errorf("the secret is shown:\n%s", shown.Stdout)
	}
}

func TestAWebhookIsDeleted(t *testing.T) {
	i := clitest.NewInstallation(t)
	linkInfra(t, i)
	i.Run(t, "link", "webhook", "acme/infra", "--kind", "github").OK(t)

	i.Run(t, "link", "webhook", "acme/infra", "--delete").OK(t).Prints(t, "Deleted the webhook of acme/infra")

	i.Run(t, "link", "webhook", "acme/infra").Fails(t, 1, "Could not find a webhook")
	i.Run(t, "link", "webhook", "acme/infra", "--delete").Fails(t, 1, "Could not find a webhook")
}

func TestWebhookFlagsAreChecked(t *testing.T) {
	i := clitest.NewInstallation(t)
	for want, args := range map[string][]string{
		"must be one of github":                    {"--kind", "svn"},
		"only one of --register, --kind, --delete": {"--kind", "github", "--delete"},
		"give only one of --register":              {"--register", "--delete"},
		"--secret-stdin requires --kind":           {"--secret-stdin"},
		"--url must be the URL of a":               {"--kind", "github", "--url", "hooks.example.com"},
		"must be one line of 16 to ":               {"--kind", "github", "--secret-stdin"},
	} {
		args = append([]string{"link", "webhook", "11111111-2222-4333-8444-555555555555"}, args...)
		t.Run(want, func(t *testing.T) { i.Run(t, args...).Fails(t, 2, want) })
	}
}

func TestLinkCreatePrintsHowToAddAWebhookThatCouldNotBeRegistered(t *testing.T) {
	i := clitest.NewInstallation(t)
	connectAcme(t, i)

	i.Run(t, "link", "create", "--connection", "acme", "--repository", "acme/infra").OK(t).Prints(t,
		"No webhook is registered", "lockstep link webhook acme/infra --kind KIND\n", "Next: lockstep sync create")
}

func TestLinkCreateRegistersNoWebhookIfNotWanted(t *testing.T) {
	i := clitest.NewInstallation(t)
	connectAcme(t, i)

	result := i.Run(t, "link", "create", "--connection", "acme", "--repository", "acme/other", "--no-webhook").OK(t)

	if strings.Contains(result.Stdout, "webhook") {
		t.Errorf("it prints:\n%s", result.Stdout)
	}
}
