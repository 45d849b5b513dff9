// Package wire holds the shapes of the three services that Lockstep answers:
// AWS CodeConnections, AWS CodeStar Connections and Lockstep's own.
//
// A structure of a model is a Go struct of the same name whose fields are the
// members, in the model's order and with the model's spelling. Two facts hang
// on a field:
//
//   - A member is optional exactly when its json tag says omitzero. An empty
//     string, a nil slice and a nil pointer then mean absent. Where an empty
//     value and an absent one differ, the field is a pointer.
//   - The shape tag names the model's shape of a member that is no structure.
//     A [Service] says what a shape demands, since the two AWS services differ
//     in three shapes: the same struct serves both, and a member whose shape a
//     service does not have is no member there.
//
// The first paragraph of a struct's comment is for who calls the service: it
// becomes documentation. What follows is for who reads the code.
//
// The room knows no protocol: package awsjson reads these structs and a
// service's shapes through reflection, once, when an operation is registered.
// A test compares everything here with botocore's models, or with a table of
// the same facts where botocore is not installed.
//
// One thing is ours: provider type [ProviderGit], for any Git server.
package wire
