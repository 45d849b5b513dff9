package db

import (
	"context"
	"time"
)

// LimitPeeks has the Peeks that begin now end with ctx.
func (d *DB) LimitPeeks(ctx context.Context) {
	d.limit.ctx, d.limit.began = ctx, time.Now()
}
