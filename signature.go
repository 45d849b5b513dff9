package lockstep

import "time"

// A SignaturePolicy lists who may sign the commits of a sync configuration. A
// configuration that has one is synced only to commits that they have signed.
type SignaturePolicy struct {
	AllowedSigners string // in the format of OpenSSH's allowed_signers; "" is none
	PublicKeys     string // OpenPGP keys in ASCII armour; "" is none
	UpdatedAt      time.Time
}
