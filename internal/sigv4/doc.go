// Package sigv4 verifies AWS Signature Version 4 in the Authorization header of
// requests. It does no I/O and knows no service.
//
// # Verification
//
// Verification has two steps, since the secret is looked up by what the first
// returns:
//
//	authorization, err := verifier.Parse(r, "codeconnections")
//	...
//	secret := lookUp(authorization.AccessKeyID)
//	err = verifier.Verify(r, body, authorization, secret, time.Now())
//
// The signature must cover the host, X-Amz-Date, X-Amz-Target and
// X-Amz-Security-Token, if present, and the body. Presigned URLs, chunked payloads
// and unsigned payloads are refused: clients of Lockstep do not need them, and each
// signs less.
//
// The canonical request is made of the request line (Request.RequestURI), so that a
// handler behind http.StripPrefix sees what was signed. The path is normalized as
// AWS does, and encoded once more.
//
// # Errors
//
// Every refusal is an *[Error] with AWS's code, for JSON and for Query services, and
// AWS's message. The error for a wrong signature does not contain the right one.
package sigv4
