package connect

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// The API's limits of a webhook's secret, in bytes.
const (
	minWebhookSecret = 16
	maxWebhookSecret = 256
)

func newLinkWebhookCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "webhook LINK [--register | --kind KIND | --delete]",
		Short: "Manage the webhook of a repository link",
		Long: "Manage the webhook by which a Git host reports pushes to a linked repository. LINK is its ID or\n" +
			"OWNER/NAME. Without a flag, show the webhook. With --register, the server registers the webhook\n" +
			"at the Git host. With --kind, create the webhook, or give it a new secret under the same URL,\n" +
			"and print what to enter at the Git host. The secret is printed only once.\n\n" +
			"KIND is the sender: github, gitlab (secret token), gitlab-signing (signing token), bitbucket,\n" +
			"azure-devops, gitea (Forgejo too) or generic. It may differ from the provider type of the\n" +
			"connection.",
		Args:                  command.Args("LINK"),
		DisableFlagsInUseLine: true,
	}

	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	flags := cmd.Flags()
	kind := flags.String("kind", "", "sender of the webhook: "+strings.Join(webhookKinds(), ", "))
	publicURL := addPublicURLFlag(env, cmd)
	register := flags.Bool("register", false, "register the webhook at the Git host, over the link's connection")
	secretStdin := flags.Bool("secret-stdin", false, "read the secret from standard input instead of generating one")
	remove := flags.Bool("delete", false, "delete the webhook")
	_ = cmd.RegisterFlagCompletionFunc("kind",
		cobra.FixedCompletions(webhookKinds(), cobra.ShellCompDirectiveNoFileComp))
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if *remove && *kind != "" || *register && (*remove || *kind != "") {
			return command.Usagef("%s: give only one of --register, --kind, --delete.", cmd.CommandPath())
		}
		if *secretStdin && *kind == "" {
			return command.Usagef("%s: --secret-stdin requires --kind.", cmd.CommandPath())
		}

		return errors.Join(checkWebhookKind(*kind), checkPublicURL(*publicURL))
	}
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		id, err := command.LinkID(ctx, remote, args[0])
		if err != nil {
			return err
		}

		switch {
		case *remove:
			return deleteWebhook(ctx, env, remote, args[0], id)
		case *register:
			return registerWebhook(ctx, env, remote, args[0], id, *publicURL, *format)
		case *kind == "":
			return showWebhook(ctx, env, remote, id, *format)
		}

		request := &wire.PutRepositoryWebhookInput{RepositoryLinkId: id, Kind: webhookKind(*kind)}
		if *secretStdin {
			request.Secret, err = env.ReadSecret("secret-stdin", minWebhookSecret, maxWebhookSecret)
			if err != nil {
				return err
			}
		}

		response, err := remote.PutRepositoryWebhook(ctx, request)
		if err != nil {
			return err
		}

		base := strings.TrimRight(cmp.Or(*publicURL, remote.Settings().Endpoint), "/")
		webhook := newWebhook{
			RepositoryLinkId: request.RepositoryLinkId,
			Kind:             request.Kind,
			Path:             response.Path,
			Url:              base + response.Path,
			Secret:           response.Secret,
		}
		return showNewWebhook(env, webhook, args[0], *publicURL != "", *format)
	})

	return cmd
}

func deleteWebhook(ctx context.Context, env *command.Env, remote *client.Client, link, id string) error {
	response, err := remote.DeleteRepositoryWebhook(ctx, &wire.DeleteRepositoryWebhookInput{RepositoryLinkId: id})
	if err != nil {
		return err
	}

	advice := "If you registered it at the Git host yourself, delete it there too."
	if response.StillRegistered != "" {
		advice = "It is still registered at the Git host; delete it there: " + response.StillRegistered
	}
	return env.Printf("Deleted the webhook of %s; the repository is polled. %s\n", link, advice)
}

// addPublicURLFlag adds the flag with the URL at which a Git host reaches the
// server.
func addPublicURLFlag(env *command.Env, cmd *cobra.Command) *string {
	return cmd.Flags().String("url", env.Getenv("LOCKSTEP_PUBLIC_URL"),
		"`URL` at which the Git host reaches this server (or LOCKSTEP_PUBLIC_URL; default the server's setting)")
}

func registerWebhook(
	ctx context.Context, env *command.Env, remote *client.Client, link, id, publicURL string, format output.Format,
) error {
	response, err := remote.RegisterRepositoryWebhook(ctx, &wire.RegisterRepositoryWebhookInput{
		RepositoryLinkId: id,
		Url:              publicURL,
	})
	if err != nil {
		return err
	}
	if format.IsDocument() {
		return format.Write(env.Stdout, response)
	}
	return env.Printf("Registered the webhook of %s: pushes are reported to %s.\n", link, response.Url)
}

// registerNewLink registers the webhook of a new link, and returns what to print
// about it. A failure is no error: the link exists, and is polled.
func registerNewLink(
	ctx context.Context, remote *client.Client, link wire.RepositoryLinkInfo, publicURL string,
) string {
	var text strings.Builder
	response, err := remote.RegisterRepositoryWebhook(ctx, &wire.RegisterRepositoryWebhookInput{
		RepositoryLinkId: link.RepositoryLinkId,
		Url:              publicURL,
	})
	if err == nil {
		_ = output.Fprintf(&text, "Registered a webhook: pushes are reported to %s.\n", response.Url)
		return text.String()
	}

	_ = output.Fprintf(&text, "No webhook is registered, so the repository is polled: %s\n"+
		"To add one yourself: lockstep link webhook %s --kind %s\n",
		client.Message(err), output.QuotePath(command.LinkRepository(link)), kindOf(link.ProviderType))
	return text.String()
}

// kindOf returns the kind of webhook that hosts of a provider type send, or KIND if
// they send different kinds.
func kindOf(providerType string) string {
	return cmp.Or(metadataOf(providerType).Webhook.Slug(), "KIND")
}

func showWebhook(
	ctx context.Context, env *command.Env, remote *client.Client, id string, format output.Format,
) error {
	response, err := remote.GetRepositoryWebhook(ctx, &wire.GetRepositoryWebhookInput{RepositoryLinkId: id})
	if err != nil {
		return err
	}
	if format.IsDocument() {
		return format.Write(env.Stdout, response)
	}

	last := "never delivered"
	if !response.LastDeliveredAt.IsZero() {
		last = "last delivered " + output.LocalTime(response.LastDeliveredAt)
	}
	return env.Printf("%s %s, %s\n", webhookSlug(response.Kind), response.Path, last)
}

// newWebhook is the document of link webhook --kind. It holds a secret.
type newWebhook struct {
	RepositoryLinkId string //lint:ignore ST1003 the API's name
	Kind             string
	Path             string
	Url              string //lint:ignore ST1003 the API's name
	Secret           string
}

func showNewWebhook(env *command.Env, webhook newWebhook, link string, isPublic bool, format output.Format) error {
	if format.IsDocument() {
		return format.Write(env.Stdout, webhook)
	}

	advice := "The URL has the address at which you reach the server. " +
		"If the Git host reaches it at another one, use --url.\n"
	if isPublic {
		advice = ""
	}
	return env.Printf("Created the webhook of %s. The secret is not shown again.\n\nURL     %s\nSecret  %s\n\n%s%s\n",
		link, webhook.Url, webhook.Secret, output.Verbatim(advice), output.Verbatim(registrationSteps(webhook.Kind)))
}

// registrationSteps returns what to enter where at a Git host.
func registrationSteps(kind string) string {
	switch kind {
	case wire.WebhookGitHub:
		return "At GitHub: Settings, Webhooks, Add webhook. Enter the Payload URL and the Secret; " +
			"choose just the push event."
	case wire.WebhookGitLab:
		return "At GitLab: Settings, Webhooks, Add new webhook. Enter the URL and the Secret token; " +
			"trigger: push events."
	case wire.WebhookGitLabSigning:
		return "At GitLab: Settings, Webhooks, Add new webhook. Enter the URL and the Signing token; " +
			"trigger: push events."
	case wire.WebhookBitbucket:
		return "At Bitbucket: Repository settings, Webhooks, Add webhook. Enter the URL and the Secret;" +
			" trigger: repository push."
	case wire.WebhookAzureDevOps:
		return "At Azure DevOps: Project settings, Service hooks, Web Hooks, Code pushed, this repository. Enter\n" +
			"the URL, and the secret as the Basic authentication password with any user name. Or send the header " +
			"X-Lockstep-Token: SECRET."
	case wire.WebhookGitea:
		return "At Gitea or Forgejo: Settings, Webhooks, Add webhook, Gitea or Forgejo. Enter the Target URL and" +
			" the Secret; push events."
	}

	return "Send a POST with the header Authorization: Bearer SECRET, or with X-Lockstep-Signature: sha256=HEX,\n" +
		"the HMAC-SHA256 of the body. With X-Lockstep-Delivery: ID, repeated deliveries have no effect. " +
		"The body may be anything."
}

// webhookKinds returns the kinds as the command line spells them.
func webhookKinds() []string {
	var kinds []string
	for _, kind := range lockstep.WebhookKinds() {
		kinds = append(kinds, kind.Slug())
	}
	return kinds
}

// webhookSlug and webhookKind translate a kind between the API and the command
// line.
func webhookSlug(kind string) string { return strings.ReplaceAll(strings.ToLower(kind), "_", "-") }

func webhookKind(slug string) string { return strings.ReplaceAll(strings.ToUpper(slug), "-", "_") }

func checkWebhookKind(kind string) error {
	if kind != "" && !slices.Contains(webhookKinds(), webhookSlug(kind)) {
		return command.Usagef("--kind %q must be one of %s.", kind, strings.Join(webhookKinds(), ", "))
	}
	return nil
}

func checkPublicURL(publicURL string) error {
	if publicURL == "" {
		return nil
	}

	parsed, err := url.Parse(publicURL)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" ||
		parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" {
		return command.Usagef("--url must be the URL of a server, such as https://lockstep.example.com.")
	}
	return nil
}
