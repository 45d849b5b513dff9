// Package wire holds the shapes of the three services that Lockstep serves: AWS
// CodeConnections, AWS CodeStar Connections and Lockstep's own.
//
// # Structures
//
// A structure of a model is a Go struct of the same name. Its fields are the
// members, in the model's order and spelling.
//
//	type TagResourceInput struct {
//		ResourceArn string `shape:"AmazonResourceName"`
//		Tags        []Tag  `shape:"TagList"`
//	}
//
// A member is optional if its json tag has omitzero. Then an empty string, a nil
// slice and a nil pointer mean that it is absent. Where an empty value differs from
// an absent one, the field is a pointer.
//
// The shape tag names the model's shape of a member that is not a structure. A
// [Service] has the constraints of its shapes. The AWS services differ in three
// shapes, and share the structs: a member whose shape a service does not have is not
// a member there.
//
// # Documentation
//
// The comments are the source of docs/api.md and of the models of the AWS CLI and
// boto3. The first paragraph of a comment is for users of the service, the others
// are for readers of the code. The comment of a field documents a member; without
// one, the comment of its shape does.
//
// # Conformance
//
// A test compares everything here with botocore's models, or with a table of the
// same facts where botocore is not installed. The one deviation is the provider type
// [ProviderGit], for any Git server.
//
// Package wire knows no protocol. Package awsjson reads the structs and shapes by
// reflection when an operation is registered.
package wire
