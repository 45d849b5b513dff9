// Package sigv4 verifies requests that are signed with AWS Signature Version 4
// in the Authorization header. It does no I/O and knows neither JSON nor any
// service, so it serves the API and the sandbox alike.
//
// Verification is in two steps, because the secret is found by what the first
// one reads:
//
//	a, err := v.Parse(r, "codeconnections")       // who claims to have signed, what and when
//	secret := …                                   // looked up by a.AccessKeyID
//	err = v.Verify(r, body, a, secret, time.Now())
//
// What the signature must cover: the host, X-Amz-Date, X-Amz-Target and
// X-Amz-Security-Token when there is one, and the body. Presigned URLs, chunked and unsigned payloads are
// refused: nothing that speaks to us needs them, and each is a way to sign less.
//
// The canonical request is made from the bytes of the request line
// (Request.RequestURI), so a handler behind http.StripPrefix sees what was
// signed. The path is normalised as AWS does, and encoded once more.
//
// Every refusal is an [*Error] that carries AWS's name for it, in JSON and in
// Query services, and AWS's words. A wrong signature does not say what would
// have been right.
package sigv4
