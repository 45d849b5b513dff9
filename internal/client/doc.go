// Package client sends requests to a Lockstep server as a user's program would:
// over the wire, signed, with the AWS SDK.
//
// The operations of AWS CodeConnections are those of the SDK's client
// ([Client.AWS]). Those of Lockstep's own service are methods of [Client], with the
// same protocol, the SDK's signer, retries and errors, and the shapes of package
// wire. The error of a response is a smithy.APIError.
//
// # Finding the server
//
// [Find] looks for a server and a key in this order:
//
//  1. flags: an endpoint, a profile of the user's AWS files, or the data directory of
//     `lockstep up`
//  2. LOCKSTEP_ENDPOINT_URL, AWS_ENDPOINT_URL_LOCKSTEP,
//     AWS_ENDPOINT_URL_CODECONNECTIONS, AWS_ENDPOINT_URL_CODESTAR_CONNECTIONS or
//     AWS_ENDPOINT_URL, and LOCKSTEP_REGION; LOCKSTEP_ACCESS_KEY_ID,
//     LOCKSTEP_SECRET_ACCESS_KEY and LOCKSTEP_SESSION_TOKEN, or LOCKSTEP_ROLE_ARN
//     and LOCKSTEP_WEB_IDENTITY_TOKEN_FILE
//  3. the profile that AWS_PROFILE names, and then nothing else; otherwise the profile
//     lockstep of the user's AWS files, which are at AWS_CONFIG_FILE and
//     AWS_SHARED_CREDENTIALS_FILE or in ~/.aws
//  4. the profile default of these files if its key is one of Lockstep's, as with the
//     two variables that `lockstep up` prints
//  5. the default data directory of `lockstep up`
//
// An endpoint without a key is combined with the key of a later place, and a key
// without an endpoint with the endpoint of a later place.
//
// The authorities of AWS_CA_BUNDLE or else of the profile's ca_bundle replace those of
// the system.
//
// With a role and a token file, from the environment or a profile (role_arn,
// web_identity_token_file), no key is stored: the role is assumed at the server, which
// serves STS on the same port.
//
// # What it does not do
//
// It never signs with a key of AWS (AKIA…, ASIA…), so that a wrong profile does not
// send a signature of a real key to another server. It does not read
// AWS_WEB_IDENTITY_TOKEN_FILE, whose token is for AWS. It sends plain HTTP only to
// loopback unless allowed, and follows no redirects, since requests may contain
// credentials of Git hosts.
package client
