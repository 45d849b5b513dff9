package db

import (
	"context"
	"time"
)

// LimitReads makes the reads that begin now end with ctx.
func (d *DB) LimitReads(ctx context.Context) {
	d.readDeadline.ctx, d.readDeadline.began = ctx, time.Now()
}

// LimitLog sets the size of the write-ahead log above which TruncateLog empties it.
func (d *DB) LimitLog(bytes int64) { d.walLimit = bytes }
