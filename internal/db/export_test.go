package db

import (
	"context"
	"time"
)

// LimitReads makes the reads that begin now end with ctx.
func (d *DB) LimitReads(ctx context.Context) {
	d.readDeadline.ctx, d.readDeadline.began = ctx, time.Now()
}
