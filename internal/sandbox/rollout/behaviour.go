package rollout

import (
	"fmt"
	"slices"
	"time"
)

// MetadataKey is the key of a resource's Metadata under which a template says
// how the resource behaves in a sandbox.
const MetadataKey = "Lockstep::Sandbox"

// longest bounds a Delay.
const longest = 24 * time.Hour

// A Behaviour is what a resource was asked to do.
type Behaviour struct {
	Delay  time.Duration `json:"delay,omitempty"`  // how long creating or updating it takes; 0 for the usual time
	Fail   string        `json:"fail,omitempty"`   // the reason with which it fails; "" when it does not
	FailOn []Phase       `json:"failOn,omitempty"` // when; creating and updating if empty
}

// A Phase is when a resource can fail.
type Phase string

const (
	Creating    Phase = "CREATE"
	Updating    Phase = "UPDATE"
	Deleting    Phase = "DELETE"
	RollingBack Phase = "ROLLBACK"
)

// fails reports whether, and why, the resource fails in a phase.
func (b Behaviour) fails(phase Phase) (string, bool) {
	if b.Fail == "" {
		return "", false
	}
	if len(b.FailOn) == 0 {
		return b.Fail, phase == Creating || phase == Updating
	}
	return b.Fail, slices.Contains(b.FailOn, phase)
}

// ReadBehaviour reads {Delay: 2s, Fail: "reason", FailOn: [CREATE, UPDATE,
// DELETE, ROLLBACK]} from a resource's evaluated Metadata.
func ReadBehaviour(metadata map[string]any) (Behaviour, error) {
	var b Behaviour
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

func (b *Behaviour) set(key string, value any) error {
	text, isText := value.(string)
	switch key {
	case "Delay":
		delay, err := time.ParseDuration(text)
		if err != nil || delay < 0 || delay > longest {
			return fmt.Errorf("%s must be a duration such as 2s, at most %s", key, longest)
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
