package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// maxWebhookSecret is the longest that the API takes.
const maxWebhookSecret = 256

func newLinkWebhookCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "webhook LINK [--register | --kind KIND | --delete]",
		Short: "Let the Git host say at once that a repository has moved",
		Long: "Make the webhook of a linked repository, named by the link's id or as OWNER/NAME, and print what to paste where at the\n" +
			"Git host. The secret is printed this once; a new call makes a new one, under the same URL. With --register the\n" +
			"server tells the host itself, and nothing is to be pasted. Without a flag it says what webhook there is.\n\n" +
			"KIND is who sends it: github, gitlab (secret token), gitlab-signing (signing token), bitbucket, azure-devops,\n" +
			"gitea (Forgejo too) or generic. It need not be the provider type of the connection.",
		Args: arguments("LINK"), DisableFlagsInUseLine: true,
	}

	reach, format := reaches(p, c), formats(c)
	f := c.Flags()
	kind := f.String("kind", "", "whose webhook it is: "+strings.Join(webhookKinds(), ", "))
	public := publicURLFlag(p, c)
	register := f.Bool("register", false, "have the server register it with the Git host, over the link's connection")
	given := f.Bool("secret-stdin", false, "read the secret from standard input, instead of having one made")
	remove := f.Bool("delete", false, "delete the webhook")
	_ = c.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(webhookKinds(), cobra.ShellCompDirectiveNoFileComp))
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if *remove && *kind != "" || *register && (*remove || *kind != "") {
			return usagef("%s: --register and --kind make a webhook and --delete deletes it.", c.CommandPath()).try("Give one of them.")
		}
		if *given && *kind == "" {
			return usagef("%s: --secret-stdin goes with --kind.", c.CommandPath())
		}

		return errors.Join(checkWebhookKind(*kind), checkPublicURL(*public))
	}
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		id, err := linkID(ctx, remote, args[0])
		if err != nil {
			return err
		}

		switch {
		case *remove:
			return p.deleteWebhook(ctx, remote, args[0], id)
		case *register:
			return p.registerWebhook(ctx, remote, args[0], id, *public, *format)
		case *kind == "":
			return p.showWebhook(ctx, remote, id, *format)
		}

		in := &wire.PutRepositoryWebhookInput{RepositoryLinkId: id, Kind: wireWebhookKind(*kind)}
		if *given {
			if in.Secret, err = p.readWebhookSecret(); err != nil {
				return err
			}
		}

		out, err := remote.PutRepositoryWebhook(ctx, in)
		if err != nil {
			return err
		}

		made := newWebhook{in.RepositoryLinkId, in.Kind, out.Path,
			strings.TrimRight(cmp.Or(*public, remote.Settings().Endpoint), "/") + out.Path, out.Secret}
		return p.showNewWebhook(made, args[0], *public != "", *format)
	})

	return c
}

func (p *program) deleteWebhook(ctx context.Context, remote *client.Client, link, id string) error {
	out, err := remote.DeleteRepositoryWebhook(ctx, &wire.DeleteRepositoryWebhookInput{RepositoryLinkId: id})
	if err != nil {
		return err
	}
	host := "One that was registered by hand is to be deleted at the Git host too."
	if out.StillRegistered != "" {
		host = "Delete it at the Git host too, which could not be told: " + out.StillRegistered
	}
	_, err = fmt.Fprintf(p.stdout, "%s has no webhook any more: it is looked at from time to time. %s\n", plain(link), plain(host))
	return err
}

// publicURLFlag is where the Git host reaches the server.
func publicURLFlag(p *program, c *cobra.Command) *string {
	return c.Flags().String("url", p.getenv("LOCKSTEP_PUBLIC_URL"),
		"`URL` at which the Git host reaches this server (or LOCKSTEP_PUBLIC_URL; default what the server knows)")
}

func (p *program) registerWebhook(ctx context.Context, remote *client.Client, link, id, public string, f format) error {
	out, err := remote.RegisterRepositoryWebhook(ctx, &wire.RegisterRepositoryWebhookInput{RepositoryLinkId: id, Url: public})
	if err != nil {
		return err
	}
	if f != asTable {
		return f.write(p.stdout, out)
	}
	_, err = fmt.Fprintf(p.stdout, "%s calls %s when it moves.\n", plain(link), plain(out.Url))
	return err
}

// registered says what came of telling the Git host of a new link. That it
// could not be told is no failure: the link is made, and is looked at.
func registered(ctx context.Context, remote *client.Client, link wire.RepositoryLinkInfo, public string) string {
	out, err := remote.RegisterRepositoryWebhook(ctx, &wire.RegisterRepositoryWebhookInput{RepositoryLinkId: link.RepositoryLinkId, Url: public})
	if err == nil {
		return "The Git host calls " + plain(out.Url) + " when it moves.\n"
	}
	return "No webhook was registered, so it is looked at from time to time: " + plain(client.Message(err)) + "\n" +
		"To register one by hand: lockstep link webhook " + shellQuote(plain(repositoryOfLink(link))) + " --kind " + kindAt(link.ProviderType) + "\n"
}

// kindAt gives the kind of webhooks that a provider type's host sends. A Git
// server may send any.
func kindAt(providerType string) string {
	switch providerType {
	case "GitHub", "GitHubEnterpriseServer":
		return slugOfWebhook(wire.WebhookGitHub)
	case "GitLab", "GitLabSelfManaged":
		return slugOfWebhook(wire.WebhookGitLab)
	case "Bitbucket":
		return slugOfWebhook(wire.WebhookBitbucket)
	case "AzureDevOps":
		return slugOfWebhook(wire.WebhookAzureDevOps)
	}
	return "KIND"
}

func (p *program) showWebhook(ctx context.Context, remote *client.Client, id string, f format) error {
	out, err := remote.GetRepositoryWebhook(ctx, &wire.GetRepositoryWebhookInput{RepositoryLinkId: id})
	if err != nil {
		return err
	}
	if f != asTable {
		return f.write(p.stdout, out)
	}

	last := "nothing accepted yet"
	if !out.LastDeliveredAt.IsZero() {
		last = "last accepted " + out.LastDeliveredAt.Local().Format("2006-01-02 15:04:05")
	}

	_, err = fmt.Fprintf(p.stdout, "%s %s, %s\n", slugOfWebhook(plain(out.Kind)), plain(out.Path), last)
	return err
}

// newWebhook is the document of `link webhook --kind`, which holds a secret.
type newWebhook struct {
	RepositoryLinkId string
	Kind             string
	Path             string
	Url              string
	Secret           string
}

func (p *program) showNewWebhook(w newWebhook, link string, public bool, f format) error {
	if f != asTable {
		return f.write(p.stdout, w)
	}
	advice := "That is the server's address as you reach it. Where the Git host reaches it under another, put that before the path, or say --url.\n"
	if public {
		advice = ""
	}
	_, err := fmt.Fprintf(p.stdout, "%s has a webhook. The secret is shown this once.\n\nURL     %s\nSecret  %s\n\n%s%s\n",
		plain(link), plain(w.Url), plain(w.Secret), advice, pasteWhere(w.Kind))
	return err
}

// pasteWhere says what goes where at a Git host.
func pasteWhere(kind string) string {
	switch kind {
	case wire.WebhookGitHub:
		return "At GitHub: Settings, Webhooks, Add webhook. Payload URL and Secret are those above; just the push event."
	case wire.WebhookGitLab:
		return "At GitLab: Settings, Webhooks, Add new webhook. URL and Secret token are those above; trigger: push events."
	case wire.WebhookGitLabSigning:
		return "At GitLab: Settings, Webhooks, Add new webhook. URL and Signing token are those above; trigger: push events."
	case wire.WebhookBitbucket:
		return "At Bitbucket: Repository settings, Webhooks, Add webhook. URL and Secret are those above; trigger: repository push."
	case wire.WebhookAzureDevOps:
		return "At Azure DevOps: Project settings, Service hooks, Web Hooks, Code pushed, this repository. URL is that above; Basic\n" +
			"authentication password is the secret, the user name may be any. Or send the header X-Lockstep-Token: SECRET."
	case wire.WebhookGitea:
		return "At Gitea or Forgejo: Settings, Webhooks, Add webhook, Gitea or Forgejo. Target URL and Secret are those above; push events."
	}

	return "Send a POST with the header Authorization: Bearer SECRET; or X-Lockstep-Signature: sha256=HEX, the HMAC-SHA256 of the body,\n" +
		"and X-Lockstep-Delivery: ID where a repeated one should do nothing. The body may be anything."
}

// webhookKinds are the kinds as they are written here.
func webhookKinds() []string {
	var all []string
	for _, kind := range []string{wire.WebhookGitHub, wire.WebhookGitLab, wire.WebhookGitLabSigning, wire.WebhookBitbucket,
		wire.WebhookAzureDevOps, wire.WebhookGitea, wire.WebhookGeneric} {
		all = append(all, slugOfWebhook(kind))
	}
	return all
}

func slugOfWebhook(kind string) string { return strings.ReplaceAll(strings.ToLower(kind), "_", "-") }

func wireWebhookKind(slug string) string { return strings.ReplaceAll(strings.ToUpper(slug), "-", "_") }

func checkWebhookKind(kind string) error {
	if kind != "" && !slices.Contains(webhookKinds(), slugOfWebhook(kind)) {
		return usagef("--kind %q is none of %s.", kind, strings.Join(webhookKinds(), ", "))
	}
	return nil
}

func checkPublicURL(public string) error {
	u, err := url.Parse(public)
	if public == "" || err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" {
		return nil
	}
	return usagef("--url is not the URL of a server.").try("Write it like https://lockstep.example.com.")
}

// readWebhookSecret reads one line of standard input. What it holds is in no
// error.
func (p *program) readWebhookSecret() (string, error) {
	if terminal(p.stdin) {
		return "", usagef("--secret-stdin reads standard input, and that is a terminal, which would show the secret.").
			try("Pass it by a pipe or a file.")
	}

	text, err := io.ReadAll(io.LimitReader(p.stdin, 2*maxWebhookSecret))
	if err != nil {
		return "", fmt.Errorf("read the secret from standard input: %w", err)
	}

	secret := strings.TrimRight(string(text), "\r\n")
	if len(secret) < 16 || len(secret) > maxWebhookSecret || strings.ContainsAny(secret, "\r\n") {
		return "", usagef("--secret-stdin: standard input is not one line of 16 to %d bytes.", maxWebhookSecret)
	}

	return secret, nil
}
