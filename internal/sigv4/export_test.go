package sigv4

// Remembered returns the number of derived keys that v remembers.
func (v *Verifier) Remembered() int { return len(v.keys) }
