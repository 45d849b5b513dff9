// Package model describes a service of package wire as clients see it, and writes
// Lockstep's own service in the format of botocore, for boto3 and the AWS CLI.
//
// # Shapes
//
// [Of] reads the structs by reflection, with the rules of package wire: a member is
// optional if its json tag has omitzero, and its shape tag names the shape of what is
// not a structure.
//
// # Documentation
//
// Comments are not available at run time. A test extracts them from the source into
// documentation.json, which is embedded: those of the methods of package api, one for
// each operation, of wire's structs and fields, and of the constants of enumerations.
// The first paragraph of a comment documents the API; further paragraphs are for
// readers of the code. The test fails if the file is out of date. With -update it
// writes the file, and docs/api.md.
//
// # Files
//
// [Model.Files] returns the files below ~/.aws/models: the service, its paginators,
// and endpoint rules without an endpoint. Without such rules, botocore would send
// signed requests to a host below amazonaws.com.
package model
