package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

func newTagCommand(p *program) *cobra.Command {
	c := parent(&cobra.Command{
		Use:   "tag",
		Short: "Tag hosts, connections and links",
		Long: "Tag hosts, connections and links; policies may decide by tags.\n\n" +
			"THING is connection/NAME, host/NAME, link/OWNER/NAME or an ARN.",
	})
	c.AddCommand(newTagListCommand(p), newTagSetCommand(p), newTagRemoveCommand(p))
	return c
}

func newTagListCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "list THING", Short: "List the tags of a thing", Args: arguments("THING")}
	reach, format := reaches(p, c), formats(c)
	c.PreRunE = checkThing
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		arn, err := thingARN(ctx, remote, args[0])
		if err != nil {
			return err
		}

		out, err := remote.AWS.ListTagsForResource(ctx, &codeconnections.ListTagsForResourceInput{ResourceArn: aws.String(arn)})
		if err != nil {
			return err
		}

		tags := []wire.Tag{}
		t := &table{}
		t.add("KEY", "VALUE")

		for _, tag := range out.Tags {
			tags = append(tags, wire.Tag{Key: aws.ToString(tag.Key), Value: aws.ToString(tag.Value)})
			t.add(aws.ToString(tag.Key), aws.ToString(tag.Value))
		}

		if *format != asTable {
			return format.write(p.stdout, struct{ Tags []wire.Tag }{tags})
		}

		return p.listed(t, "It has no tags.")
	})

	return c
}

func newTagSetCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "set THING KEY=VALUE…",
		Short: "Give a thing tags, or change their values",
		Args:  several("THING", "KEY=VALUE"), DisableFlagsInUseLine: true,
	}

	reach := reaches(p, c)
	c.PreRunE = func(c *cobra.Command, args []string) error {
		for _, pair := range args[1:] {
			if key, _, ok := strings.Cut(pair, "="); !ok || key == "" {
				return usagef("%s: %q is not KEY=VALUE.", c.CommandPath(), pair).try("A tag without a value is written KEY=.")
			}
		}
		return checkThing(c, args)
	}
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		arn, err := thingARN(ctx, remote, args[0])
		if err != nil {
			return err
		}

		in := &codeconnections.TagResourceInput{ResourceArn: aws.String(arn)}
		for _, pair := range args[1:] {
			key, value, _ := strings.Cut(pair, "=")
			in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(value)})
		}

		if _, err := remote.AWS.TagResource(ctx, in); err != nil {
			return err
		}

		_, err = fmt.Fprintf(p.stdout, "%s is tagged %s.\n", plain(args[0]), plain(strings.Join(args[1:], ", ")))
		return err
	})

	return c
}

func newTagRemoveCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "remove THING KEY…",
		Short: "Take tags from a thing",
		Args:  several("THING", "KEY"), DisableFlagsInUseLine: true,
	}

	reach := reaches(p, c)
	c.PreRunE = checkThing
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		arn, err := thingARN(ctx, remote, args[0])
		if err != nil {
			return err
		}

		_, err = remote.AWS.UntagResource(ctx, &codeconnections.UntagResourceInput{ResourceArn: aws.String(arn), TagKeys: args[1:]})
		if err != nil {
			return err
		}

		_, err = fmt.Fprintf(p.stdout, "%s is no longer tagged %s.\n", plain(args[0]), plain(strings.Join(args[1:], ", ")))
		return err
	})

	return c
}

// checkThing wants a kind before a name.
func checkThing(c *cobra.Command, args []string) error {
	kind, name, _ := strings.Cut(args[0], "/")
	if strings.HasPrefix(args[0], "arn:") || name != "" && (kind == "connection" || kind == "host" || kind == "link") {
		return nil
	}
	return usagef("%s: %q is no thing that has tags.", c.CommandPath(), args[0]).
		try("Write connection/NAME, host/NAME, link/OWNER/NAME or an ARN. A sync configuration has no tags of its own.")
}

// thingARN gives the ARN of what was named as kind/name.
func thingARN(ctx context.Context, remote *client.Client, thing string) (string, error) {
	kind, name, _ := strings.Cut(thing, "/")
	switch kind {
	case "connection":
		return connectionARN(ctx, remote, name)
	case "host":
		return hostARN(ctx, remote, name)
	case "link":
		return linkARN(ctx, remote, name)
	}
	return thing, nil
}
