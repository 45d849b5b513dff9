package cli_test

import (
	"regexp"
	"strings"
	"testing"
)

func TestAWebhookIsMadeWithWhatToPasteWhere(t *testing.T) {
	i := newInstallation(t)
	i.run(t, "connect", "acme", "--provider", "Git", "--endpoint", "https://git.example.com", "--none").ok(t)
	i.run(t, "link", "create", "--connection", "acme", "--repository", "acme/infra").ok(t)
	i.run(t, "link", "webhook", "acme/infra").refused(t, 1, "Could not find a webhook")

	for kind, where := range map[string]string{
		"github": "At GitHub:", "gitlab": "Secret token", "gitlab-signing": "Signing token", "bitbucket": "At Bitbucket:",
		"azure-devops": "X-Lockstep-Token", "gitea": "Forgejo", "generic": "X-Lockstep-Signature",
	} {
		out := i.run(t, "link", "webhook", "acme/infra", "--kind", kind, "--url", "https://hooks.example.com/").ok(t).stdout
		url := regexp.MustCompile(`(?m)^URL     https://hooks\.example\.com/webhooks/` + kind + `/[a-z2-7]{26}$`)
		if !url.MatchString(out) || !regexp.MustCompile(`(?m)^Secret  \S{40,}$`).MatchString(out) || !strings.Contains(out, where) {
			t.Errorf("%s prints:\n%s", kind, out)
		}
	}

	out := i.run(t, "link", "webhook", "acme/infra", "--kind", "github").ok(t).stdout
	if !strings.Contains(out, "URL     http://127.0.0.1:") || !strings.Contains(out, "say --url") {
		t.Errorf("without --url it prints:\n%s", out)
	}

	secret := regexp.MustCompile(`(?m)^Secret  (\S+)$`).FindStringSubmatch(out)[1]
	out = i.run(t, "link", "webhook", "acme/infra").ok(t).stdout
	if !strings.HasPrefix(out, "github /webhooks/github/") || !strings.Contains(out, "nothing accepted yet") || strings.Contains(out, secret) {
		t.Errorf("afterwards there is:\n%s", out)
	}

	i.run(t, "link", "webhook", "acme/infra", "--delete").ok(t)
	i.run(t, "link", "webhook", "acme/infra", "--delete").refused(t, 1, "Could not find a webhook")
}

func TestAWebhookIsNotMadeOfHalfACommand(t *testing.T) {
	i := newInstallation(t)
	for want, args := range map[string][]string{
		"is none of github":      {"--kind", "svn"},
		"Give one of them":       {"--kind", "github", "--delete"},
		"goes with --kind":       {"--secret-stdin"},
		"not the URL of a":       {"--kind", "github", "--url", "hooks.example.com"},
		"not one line of 16 to ": {"--kind", "github", "--secret-stdin"},
	} {
		i.run(t, append([]string{"link", "webhook", "11111111-2222-4333-8444-555555555555"}, args...)...).refused(t, 2, want)
	}
}

func TestALinkThatNoWebhookWasRegisteredForSaysHowTo(t *testing.T) {
	i := newInstallation(t)
	i.run(t, "connect", "acme", "--provider", "Git", "--endpoint", "https://git.example.com", "--none").ok(t)
	out := i.run(t, "link", "create", "--connection", "acme", "--repository", "acme/infra").ok(t).stdout
	for _, says := range []string{"No webhook was registered", "lockstep link webhook acme/infra --kind KIND\n", "Next: lockstep sync create"} {
		if !strings.Contains(out, says) {
			t.Errorf("link create does not say %q:\n%s", says, out)
		}
	}

	if out := i.run(t, "link", "create", "--connection", "acme", "--repository", "acme/other", "--no-webhook").ok(t).stdout; strings.Contains(out, "webhook") {
		t.Errorf("with --no-webhook it prints:\n%s", out)
	}

	i.run(t, "link", "webhook", "acme/infra", "--register", "--delete").refused(t, 2, "Give one of them")
}

func TestWhatIsProposedIsNamedWhole(t *testing.T) {
	i := newInstallation(t)
	i.run(t, "link", "propose", "acme/infra", "--resource", "web").refused(t, 2, "--template")
	i.run(t, "link", "propose", "acme/infra", "--resource", "web", "--template", "t.yaml", "--tag", "team").refused(t, 2, `--tag "team" is not NAME=VALUE`)
}
