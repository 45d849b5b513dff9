package trigger

import (
	"maps"
	"sync"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/seal"
)

const (
	// cacheFor is how long a webhook is cached, and so how long a former secret may
	// still work.
	cacheFor  = 5 * time.Second
	maxCached = 10_000
)

// A webhookCache caches webhooks. Unknown ones are not cached, because anyone could
// fill the cache with them.
type webhookCache struct {
	mu    sync.Mutex
	hooks map[string]cachedWebhook // by id
}

type cachedWebhook struct {
	hook    lockstep.Webhook
	secret  seal.Secret
	expires time.Time
}

func newWebhookCache() *webhookCache { return &webhookCache{hooks: map[string]cachedWebhook{}} }

func (k *webhookCache) get(id string, now time.Time) (lockstep.Webhook, seal.Secret, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	o, ok := k.hooks[id]
	return o.hook, o.secret, ok && now.Before(o.expires)
}

func (k *webhookCache) put(hook lockstep.Webhook, secret seal.Secret, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.hooks) >= maxCached {
		maps.DeleteFunc(k.hooks, func(_ string, o cachedWebhook) bool { return !now.Before(o.expires) })
	}
	if len(k.hooks) >= maxCached {
		clear(k.hooks)
	}
	k.hooks[hook.ID] = cachedWebhook{hook, secret, now.Add(cacheFor)}
}

func (k *webhookCache) delete(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.hooks, id)
}

const (
	// failuresPerSecond is the sustained rate of unverified requests per address,
	// after a burst of failuresAtOnce. Verified ones are not limited: a Git host
	// sends for all its repositories from few addresses.
	failuresPerSecond = 20
	failuresAtOnce    = 100
)
