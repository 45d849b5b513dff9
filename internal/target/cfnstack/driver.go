package cfnstack

import (
	"github.com/lockstephq/lockstep"
)

// Type is the sync type of CloudFormation stacks.
const Type lockstep.SyncType = "CFN_STACK_SYNC"

// A Driver syncs CloudFormation stacks.
type Driver struct {
	found memo
}

// Type is CFN_STACK_SYNC.
func (d *Driver) Type() lockstep.SyncType { return Type }
