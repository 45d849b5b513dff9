package sandbox_test

import (
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// BenchmarkUpdate measures one sync: a change set is created, described and executed,
// and the stack is described.
func BenchmarkUpdate(b *testing.B) {
	client := newClient(b)
	apply(b, client, "shop", shop)
	for i := 0; b.Loop(); i++ {
		described := createChangeSet(b, client, &cloudformation.CreateChangeSetInput{
			StackName:     aws.String("shop"),
			ChangeSetName: aws.String("n" + strconv.Itoa(i)),
			TemplateBody:  aws.String(shop),
			Parameters:    []types.Parameter{parameter("Seconds", strconv.Itoa(i+31))},
		})
		executeChangeSet(b, client, described.ChangeSetId)

		describeStack(b, client, "shop")
	}
}
