package api

import "github.com/lockstephq/lockstep"

// asHostFailure turns Denied into Blocked in an error of a Git host. The caller is
// authorized; it is the connection that must be mended.
func asHostFailure(err error) error {
	if lockstep.KindOf(err) != lockstep.Denied {
		return err
	}
	return lockstep.Wrapf(lockstep.Blocked, err, "%s", lockstep.Shown(err))
}
