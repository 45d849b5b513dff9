// Package model describes a service of package wire as its clients know it, and
// writes Lockstep's own in the format of botocore, so that boto3 and the AWS CLI
// speak it.
//
// [Of] reads the structs by reflection, with the rules of package wire: a member
// is optional when its json tag says omitzero, and the shape tag names what is no
// structure. What a comment says is not there at run time. A test takes the
// comments out of the source and keeps them in documentation.json, which is
// embedded: of the methods of package api, one for each operation, of wire's
// structs and fields, and of the constants that an enumeration is made of. Of
// each comment the first paragraph is for who calls the service, what follows
// for who reads the code. The test fails when the file is not what the source
// says; with -update it writes it, and docs/api.md with it.
//
// [Files] are what belongs into ~/.aws/models: the service, its paginators, and a
// set of endpoint rules that knows no endpoint, since without one botocore makes
// up an address below amazonaws.com and sends signed requests there.
package model
