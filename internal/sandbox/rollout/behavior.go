package rollout

import (
	"fmt"
	"slices"
	"time"
)

// MetadataKey is the key of a resource's Metadata that has its behavior in the
// sandbox.
const MetadataKey = "Lockstep::Sandbox"

// maxDelay bounds Behavior.Delay.
const maxDelay = 24 * time.Hour

// A Behavior is how a resource behaves in the sandbox.
type Behavior struct {
	Delay  time.Duration `json:"delay,omitempty"`  // of creating or updating it; 0 for the usual time
	Fail   string        `json:"fail,omitempty"`   // the reason of its failure; "" if it succeeds
	FailOn []Phase       `json:"failOn,omitempty"` // creating and updating if empty
}

// A Phase is when a resource can fail.
type Phase string

// The phases in which a resource can fail.
const (
	Creating    Phase = "CREATE"
	Updating    Phase = "UPDATE"
	Deleting    Phase = "DELETE"
	RollingBack Phase = "ROLLBACK"
)

// fails returns the reason of a failure in a phase, and whether the resource fails.
func (b Behavior) fails(phase Phase) (string, bool) {
	if b.Fail == "" {
		return "", false
	}
	if len(b.FailOn) == 0 {
		return b.Fail, phase == Creating || phase == Updating
	}
	return b.Fail, slices.Contains(b.FailOn, phase)
}

// ReadBehavior reads {Delay: 2s, Fail: "reason", FailOn: [CREATE, UPDATE,
// DELETE, ROLLBACK]} from a resource's evaluated Metadata.
func ReadBehavior(metadata map[string]any) (Behavior, error) {
	var b Behavior
	value, ok := metadata[MetadataKey]
	if !ok {
		return b, nil
	}

	settings, ok := value.(map[string]any)
	if !ok {
		return b, fmt.Errorf("%s must be an object with Delay, Fail and FailOn", MetadataKey)
	}

	for k, value := range settings {
		if err := b.set(k, value); err != nil {
			return b, fmt.Errorf("%s: %w", MetadataKey, err)
		}
	}

	return b, nil
}

func (b *Behavior) set(key string, value any) error {
	text, isText := value.(string)
	switch key {
	case "Delay":
		delay, err := time.ParseDuration(text)
		if err != nil || delay < 0 || delay > maxDelay {
			return fmt.Errorf("%s must be a duration such as 2s, at most %s", key, maxDelay)
		}

		b.Delay = delay
	case "Fail":
		if !isText || text == "" || len(text) > 1024 {
			return fmt.Errorf("%s must be a reason of at most 1024 bytes", key)
		}
		b.Fail = text
	case "FailOn":
		list, isList := value.([]any)
		if isText {
			list, isList = []any{text}, true
		}

		for _, it := range list {
			p, _ := it.(string)
			isList = isList && slices.Contains([]Phase{Creating, Updating, Deleting, RollingBack}, Phase(p))
			b.FailOn = append(b.FailOn, Phase(p))
		}

		if !isList {
			return fmt.Errorf("%s must list CREATE, UPDATE, DELETE or ROLLBACK", key)
		}

	default:
		return fmt.Errorf("unknown key %q", key)
	}

	return nil
}
