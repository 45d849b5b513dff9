// Package sts is the part of AWS's Security Token Service that clients need to
// come without a long-lived key: AssumeRoleWithWebIdentity, and
// GetCallerIdentity, which tells who one is. It speaks the Query protocol on the
// API's own port, so that SDKs find it by AWS_ENDPOINT_URL_STS.
//
// AssumeRoleWithWebIdentity is not signed: the token is what proves who comes.
// Anybody can send one, so everything that can be refused is refused before the
// token's issuer is asked for keys, and each address may come only so often. Who
// comes through a proxy shares the proxy's address, and its allowance.
//
// A token may be used again until it expires, as at AWS: its issuer gives it to
// be shown, and nothing in it says that it was shown before.
//
// The answers are AWS's, in shape, codes and statuses. Whether an account has a
// role is not to be learned from them: a role that is not there and one that the
// token does not fit are refused alike, and a token that proves nothing is
// refused whatever the role.
package sts
