package db

import (
	"context"
	"time"
)

// LimitPeeks has the Peeks that begin now end with ctx.
func (d *DB) LimitPeeks(ctx context.Context) {
	d.readDeadline.ctx, d.readDeadline.began = ctx, time.Now()
}
