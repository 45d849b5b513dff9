package sandbox_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/lockstephq/lockstep/internal/sandbox"
)

// BenchmarkUpdate measures one sync: a change set is created, described and executed,
// and the stack is described.
func BenchmarkUpdate(b *testing.B) {
	client := client(startSandbox(b, b.TempDir()+"/sandbox.db", sandbox.Options{ResourceDuration: time.Nanosecond}), "us-east-1")
	apply(b, client, "shop", shop)
	for i := 0; b.Loop(); i++ {
		described := createChangeSet(b, client, &cloudformation.CreateChangeSetInput{
			StackName: aws.String("shop"), ChangeSetName: aws.String("n" + strconv.Itoa(i)), TemplateBody: aws.String(shop),
			Parameters: []types.Parameter{parameter("Seconds", strconv.Itoa(i+31))},
		})
		if _, err := client.ExecuteChangeSet(b.Context(), &cloudformation.ExecuteChangeSetInput{ChangeSetName: described.ChangeSetId}); err != nil {
			b.Fatal(err)
		}

		describeStack(b, client, "shop")
	}
}
