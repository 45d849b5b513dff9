// Package client calls a Lockstep server as any program of a user would: with
// the AWS SDK, over the wire, signed.
//
// The operations of AWS CodeConnections are the SDK's own client ([Client.AWS]).
// Those of Lockstep's own service are methods of [Client]: the same protocol,
// the SDK's signer, retries and error types, and the shapes of package wire.
// What they return as an error is a smithy.APIError wherever the server
// answered.
//
// # Where the server is
//
// [Find] decides, and what was said explicitly beats what lies about:
//
//  1. flags: an endpoint, a profile of the user's AWS files or the data
//     directory of an `up`
//  2. LOCKSTEP_ENDPOINT_URL and LOCKSTEP_REGION; LOCKSTEP_ACCESS_KEY_ID,
//     LOCKSTEP_SECRET_ACCESS_KEY and LOCKSTEP_SESSION_TOKEN, or LOCKSTEP_ROLE_ARN
//     and LOCKSTEP_WEB_IDENTITY_TOKEN_FILE
//  3. profile lockstep of the user's AWS files
//  4. profile default of these files if its key is one of ours: that is how the
//     two exports look that `up` prints
//  5. the data directory of an `up`
//
// An endpoint without a key takes the key that the rest of the order finds, and
// a key without an endpoint the endpoint.
//
// With a role and the file of a token, from the environment or from a profile
// (role_arn, web_identity_token_file), no key is stored anywhere: the role is
// assumed at the server itself, which has STS on the same port.
//
// # What is never done
//
// Nothing is ever signed with a key of AWS itself (AKIA…, ASIA…): a mistaken
// profile must not show a real key's signatures to a server that is not AWS. Nor
// is AWS_WEB_IDENTITY_TOKEN_FILE read: on a machine of AWS its token is for AWS.
// Plain http goes to loopback alone unless it is asked for, for credentials of
// Git hosts travel in requests. Redirects are not followed, for the same reason.
package client
