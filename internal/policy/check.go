package policy

import "github.com/cedar-policy/cedar-go"

// Check says what is wrong with a policy's text: a *SyntaxError, or nil.
func Check(document string) error {
	if _, err := parse(document); err != nil {
		return err
	}
	return nil
}

func parse(document string) (cedar.PolicyList, *SyntaxError) {
	var policies cedar.PolicyList
	if err := policies.UnmarshalCedar([]byte(document)); err != nil {
		return nil, &SyntaxError{Line: 1, Column: 1, Message: err.Error()}
	}
	return policies, nil
}
