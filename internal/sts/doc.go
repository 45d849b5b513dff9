// Package sts serves the part of AWS Security Token Service that clients need to
// work without long-lived keys: AssumeRoleWithWebIdentity and GetCallerIdentity. It
// uses the Query protocol on the port of the API, so that SDKs find it by
// AWS_ENDPOINT_URL_STS.
//
// # AssumeRoleWithWebIdentity
//
// The request is not signed: the token is the proof. So everything that can be
// refused is refused before the keys of the token's issuer are fetched, and requests
// are limited by client network. Clients behind a proxy share its limit.
//
// A token can be used again until it expires, as at AWS. Tokens do not record their
// use.
//
// Responses have AWS's shapes, codes and statuses. They do not reveal whether an
// account has a role: a role that does not exist and one that does not match the
// token are refused alike, and an invalid token is refused whatever the role.
//
// # What it does not do
//
// It supports no session policies, no session tags and no other operation of STS.
package sts
