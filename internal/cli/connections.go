package cli

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

func newConnectListCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List the connections", Args: arguments()}
	reach, format := reaches(p, c), formats(c)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, _ []string) error {
		found, err := connections(ctx, remote)
		if err != nil {
			return err
		}

		all := []wire.Connection{}
		t := &table{}
		for _, c := range found {
			all = append(all, connectionOf(c))
		}

		if *format != asTable {
			return format.write(p.stdout, struct{ Connections []wire.Connection }{all})
		}

		t.add("CONNECTION", "PROVIDER", "STATUS", "ARN", "HOST", "REASON")
		for _, c := range all {
			t.add(c.ConnectionName, c.ProviderType, c.ConnectionStatus, c.ConnectionArn, c.HostArn, reasonOf(ctx, remote, c))
		}

		return p.listed(t, "There is no connection yet. `lockstep connect NAME` makes one.")
	})

	return c
}

func newConnectShowCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "show CONNECTION",
		Short: "Show a connection",
		Long:  "Show a connection, named by its name or its ARN, and how its credential fares, which is never shown itself.",
		Args:  arguments("CONNECTION"),
	}

	reach, format := reaches(p, c), formats(c)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		arn, err := connectionARN(ctx, remote, args[0])
		if err != nil {
			return err
		}

		out, err := remote.AWS.GetConnection(ctx, &codeconnections.GetConnectionInput{ConnectionArn: aws.String(arn)})
		if err != nil {
			return err
		}

		found := wire.Connection{}
		if out.Connection != nil {
			found = connectionOf(*out.Connection)
		}

		stands, err := remote.GetConnectionHandshake(ctx, &wire.GetConnectionHandshakeInput{ConnectionArn: arn})
		if err != nil {
			return err
		}
		if *format != asTable {
			return format.write(p.stdout, shownConnection{found, handshakeOf(stands)})
		}

		t := &table{}
		t.add("Connection", found.ConnectionName)
		t.add("ARN", found.ConnectionArn)
		t.add("Provider", found.ProviderType)
		t.add("Status", found.ConnectionStatus)
		t.add("Account", found.OwnerAccountId)

		if found.HostArn != "" {
			t.add("Host", found.HostArn)
		}

		addHandshake(t, stands)
		return t.write(p.stdout)
	})

	return c
}

// shownConnection is the document of `connect show`.
type shownConnection struct {
	wire.Connection
	Handshake handshakeState
}

// handshakeState is how a connection's credential fares.
type handshakeState struct {
	Reason         string    `json:",omitzero"`
	CredentialKind string    `json:",omitzero"`
	ExpiresAt      wire.Time `json:",omitzero"`
	Renewed        bool      `json:",omitzero"`
	CheckedAt      wire.Time `json:",omitzero"`
	NextCheckAt    wire.Time `json:",omitzero"`
}

func handshakeOf(h *wire.GetConnectionHandshakeOutput) handshakeState {
	return handshakeState{h.Reason, h.CredentialKind, h.ExpiresAt, h.Renewed, h.CheckedAt, h.NextCheckAt}
}

func addHandshake(t *table, h *wire.GetConnectionHandshakeOutput) {
	if h.Reason != "" {
		t.add("Reason", h.Reason)
	}

	if h.CredentialKind != "" {
		t.add("Credential", h.CredentialKind)
	}

	ends := "Ends"
	if h.Renewed {
		ends = "Renewed by"
	}

	for _, line := range []struct {
		name string
		at   wire.Time
	}{{ends, h.ExpiresAt}, {"Checked", h.CheckedAt}, {"Next check", h.NextCheckAt}} {
		if !line.at.IsZero() {
			t.add(line.name, line.at.Local().Format("2006-01-02 15:04:05"))
		}
	}
}

// reasonOf asks why a connection is not AVAILABLE. Who may list it and not ask
// that sees no reason.
func reasonOf(ctx context.Context, remote *client.Client, c wire.Connection) string {
	if c.ConnectionStatus == string(types.ConnectionStatusAvailable) {
		return ""
	}
	h, err := remote.GetConnectionHandshake(ctx, &wire.GetConnectionHandshakeInput{ConnectionArn: c.ConnectionArn})
	if err != nil {
		return ""
	}
	return h.Reason
}

func newConnectDeleteCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "delete CONNECTION",
		Short: "Delete a connection that no repository is linked over",
		Long:  "Delete a connection, named by its name or its ARN, and its credential. Its links must be deleted first.",
		Args:  arguments("CONNECTION"),
	}

	reach := reaches(p, c)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		arn, err := connectionARN(ctx, remote, args[0])
		if err != nil {
			return err
		}
		if _, err := remote.AWS.DeleteConnection(ctx, &codeconnections.DeleteConnectionInput{ConnectionArn: aws.String(arn)}); err != nil {
			return err
		}

		_, err = fmt.Fprintf(p.stdout, "%s is no longer connected.\n", plain(args[0]))
		return err
	})

	return c
}

func connections(ctx context.Context, remote *client.Client) ([]types.Connection, error) {
	var all []types.Connection
	pages := codeconnections.NewListConnectionsPaginator(remote.AWS, &codeconnections.ListConnectionsInput{MaxResults: 100})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Connections...)
	}
	return all, nil
}

func connectionARN(ctx context.Context, remote *client.Client, nameOrARN string) (string, error) {
	return arnOf("connection", nameOrARN, func() ([]named, error) {
		found, err := connections(ctx, remote)
		all := make([]named, len(found))
		for i, c := range found {
			all[i] = named{aws.ToString(c.ConnectionName), aws.ToString(c.ConnectionArn)}
		}
		return all, err
	})
}

// connectionOf takes a connection out of the SDK's pointers.
func connectionOf(c types.Connection) wire.Connection {
	return wire.Connection{
		ConnectionName:   aws.ToString(c.ConnectionName),
		ConnectionArn:    aws.ToString(c.ConnectionArn),
		ProviderType:     string(c.ProviderType),
		OwnerAccountId:   aws.ToString(c.OwnerAccountId),
		ConnectionStatus: string(c.ConnectionStatus),
		HostArn:          aws.ToString(c.HostArn),
	}
}
