package connect

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

func newConnectListCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List connections", Args: command.Args()}
	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, _ []string) error {
		found, err := remote.Connections(ctx)
		if err != nil {
			return err
		}

		connections := []wire.Connection{}
		for _, from := range found {
			connections = append(connections, connectionFrom(from))
		}

		if format.IsDocument() {
			return format.Write(env.Stdout, struct{ Connections []wire.Connection }{connections})
		}

		table := &output.Table{}
		table.Add("CONNECTION", "PROVIDER", "STATUS", "ARN", "HOST", "REASON")
		for _, connection := range connections {
			table.Add(connection.ConnectionName, connection.ProviderType, connection.ConnectionStatus,
				connection.ConnectionArn, connection.HostArn, statusReason(ctx, remote, connection))
		}

		return table.WriteList(env.Stdout, "No connections. `lockstep connect NAME` creates one.")
	})

	return cmd
}

func newConnectShowCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show CONNECTION",
		Short: "Show a connection",
		Long: "Show a connection and the state of its credential. CONNECTION is its name or ARN. The credential\n" +
			"itself is never shown.",
		Args: command.Args("CONNECTION"),
	}

	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		arn, err := connectionARN(ctx, remote, args[0])
		if err != nil {
			return err
		}

		response, err := remote.AWS.GetConnection(ctx, &codeconnections.GetConnectionInput{
			ConnectionArn: aws.String(arn),
		})
		if err != nil {
			return err
		}

		connection := wire.Connection{}
		if response.Connection != nil {
			connection = connectionFrom(*response.Connection)
		}

		handshake, err := remote.GetConnectionHandshake(ctx, &wire.GetConnectionHandshakeInput{ConnectionArn: arn})
		if err != nil {
			return err
		}
		if format.IsDocument() {
			return format.Write(env.Stdout, connectionDocument{connection, handshakeFrom(handshake)})
		}

		return showConnection(env, connection, handshake)
	})

	return cmd
}

// connectionDocument is the document of connect show.
type connectionDocument struct {
	wire.Connection
	Handshake handshakeState
}

// handshakeState is the state of a connection's credential.
type handshakeState struct {
	Reason         string    `json:",omitzero"`
	CredentialKind string    `json:",omitzero"`
	ExpiresAt      wire.Time `json:",omitzero"`
	Renewed        bool      `json:",omitzero"`
	CheckedAt      wire.Time `json:",omitzero"`
	NextCheckAt    wire.Time `json:",omitzero"`
}

func handshakeFrom(from *wire.GetConnectionHandshakeOutput) handshakeState {
	return handshakeState{
		Reason:         from.Reason,
		CredentialKind: from.CredentialKind,
		ExpiresAt:      from.ExpiresAt,
		Renewed:        from.Renewed,
		CheckedAt:      from.CheckedAt,
		NextCheckAt:    from.NextCheckAt,
	}
}

func showConnection(
	env *command.Env, connection wire.Connection, handshake *wire.GetConnectionHandshakeOutput,
) error {
	expiry := "Expires"
	if handshake.Renewed {
		expiry = "Renewed by"
	}

	table := &output.Table{}
	for _, line := range []struct{ label, value string }{
		{"Connection", connection.ConnectionName},
		{"ARN", connection.ConnectionArn},
		{"Provider", connection.ProviderType},
		{"Status", connection.ConnectionStatus},
		{"Account", connection.OwnerAccountId},
		{"Host", connection.HostArn},
		{"Reason", handshake.Reason},
		{"Credential", handshake.CredentialKind},
		{expiry, output.LocalTime(handshake.ExpiresAt)},
		{"Checked", output.LocalTime(handshake.CheckedAt)},
		{"Next check", output.LocalTime(handshake.NextCheckAt)},
	} {
		if line.value != "" {
			table.Add(line.label, line.value)
		}
	}

	return table.Write(env.Stdout)
}

// statusReason returns why a connection is not AVAILABLE. It returns "" if the
// caller may list the connection but not read that.
func statusReason(ctx context.Context, remote *client.Client, connection wire.Connection) string {
	if connection.ConnectionStatus == string(types.ConnectionStatusAvailable) {
		return ""
	}
	handshake, err := remote.GetConnectionHandshake(ctx, &wire.GetConnectionHandshakeInput{
		ConnectionArn: connection.ConnectionArn,
	})
	if err != nil {
		return ""
	}
	return handshake.Reason
}

func newConnectDeleteCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete CONNECTION",
		Short: "Delete a connection",
		Long:  "Delete a connection and its credential. CONNECTION is its name or ARN. Delete its links first.",
		Args:  command.Args("CONNECTION"),
	}

	server := command.AddServerFlags(env, cmd)
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		arn, err := connectionARN(ctx, remote, args[0])
		if err != nil {
			return err
		}

		_, err = remote.AWS.DeleteConnection(ctx, &codeconnections.DeleteConnectionInput{
			ConnectionArn: aws.String(arn),
		})
		if err != nil {
			return err
		}

		return env.Printf("Deleted connection %s.\n", args[0])
	})

	return cmd
}

func connectionARN(ctx context.Context, remote *client.Client, nameOrARN string) (string, error) {
	return command.ResolveARN("connection", nameOrARN, func() ([]command.Named, error) {
		connections, err := remote.Connections(ctx)
		names := make([]command.Named, len(connections))
		for i, connection := range connections {
			names[i] = command.Named{
				Name: aws.ToString(connection.ConnectionName),
				ID:   aws.ToString(connection.ConnectionArn),
			}
		}
		return names, err
	})
}

// connectionFrom returns a connection of the SDK as a document.
func connectionFrom(from types.Connection) wire.Connection {
	return wire.Connection{
		ConnectionName:   aws.ToString(from.ConnectionName),
		ConnectionArn:    aws.ToString(from.ConnectionArn),
		ProviderType:     string(from.ProviderType),
		OwnerAccountId:   aws.ToString(from.OwnerAccountId),
		ConnectionStatus: string(from.ConnectionStatus),
		HostArn:          aws.ToString(from.HostArn),
	}
}
