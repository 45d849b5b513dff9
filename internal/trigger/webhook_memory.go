package trigger

import (
	"maps"
	"sync"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/seal"
)

const (
	// fresh is how long a webhook is not read again, and so how long a former
	// secret may still do.
	fresh    = 5 * time.Second
	maxKnown = 10_000
)

// known are webhooks that were read a moment ago. What is not there is not
// remembered: strangers would fill it.
type known struct {
	mu    sync.Mutex
	hooks map[string]openedWebhook // by id
}

type openedWebhook struct {
	hook   lockstep.Webhook
	secret seal.Secret
	until  time.Time
}

func newKnown() *known { return &known{hooks: map[string]openedWebhook{}} }

func (k *known) get(id string, now time.Time) (lockstep.Webhook, seal.Secret, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	o, ok := k.hooks[id]
	return o.hook, o.secret, ok && now.Before(o.until)
}

func (k *known) put(hook lockstep.Webhook, secret seal.Secret, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.hooks) >= maxKnown {
		maps.DeleteFunc(k.hooks, func(_ string, o openedWebhook) bool { return !now.Before(o.until) })
	}
	if len(k.hooks) >= maxKnown {
		clear(k.hooks)
	}
	k.hooks[hook.ID] = openedWebhook{hook, secret, now.Add(fresh)}
}

func (k *known) forget(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.hooks, id)
}

const (
	// failuresPerSecond is how often an address may fail, after some at once. What
	// is verified costs nothing: one Git host sends from few addresses for all its
	// repositories.
	failuresPerSecond = 20
	failuresAtOnce    = 100
)
