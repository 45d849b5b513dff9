package queue_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockstephq/lockstep/internal/queue"
)

func TestASweepThatFailsIsLoggedAndRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		defer cancel()

		var at []time.Duration
		began := time.Now()
		queue.Sweep(ctx, slog.New(slog.NewTextHandler(&log, nil)), func(context.Context) error {
			at = append(at, time.Since(began))
			if len(at) == 2 {
				return errors.New("as it was told")
			}
			return nil
		})

		if len(at) != 3 || at[0] != 0 || at[1] != time.Minute || at[2] != 2*time.Minute {
			t.Errorf("swept at %v", at)
		}

		if strings.Count(log.String(), "as it was told") != 1 {
			t.Errorf("the log: %s", log.String())
		}
	})
}
