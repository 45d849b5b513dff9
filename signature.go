package lockstep

import "time"

// A SignaturePolicy names who may sign the commits of a sync configuration.
// While it has one, no other commit is synced.
type SignaturePolicy struct {
	AllowedSigners string // OpenSSH's allowed_signers form; "" is none
	PublicKeys     string // OpenPGP, in ASCII armour; "" is none
	UpdatedAt      time.Time
}
