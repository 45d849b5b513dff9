package model

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed documentation.json
var documentationJSON []byte

// A documentation is what the source's comments say, without the name that they
// begin with.
type documentation struct {
	Operations map[string]string
	Structures map[string]structureText
	// Values are of enumerations: shape, value, text.
	Values map[string]map[string]string
}

type structureText struct {
	Text    string
	Members map[string]string `json:",omitempty"`
}

func readDocumentation() (documentation, error) {
	var d documentation
	if err := json.Unmarshal(documentationJSON, &d); err != nil {
		return d, fmt.Errorf("read the embedded documentation: %w", err)
	}
	return d, nil
}

// exceptionTexts are what no source has a comment for.
func exceptionTexts() map[string]string {
	return map[string]string{
		"AccessDeniedException":                 "The caller may not do this.",
		"ConcurrentModificationException":       "The thing was changed meanwhile. Read it again, then retry.",
		"ConditionalCheckFailedException":       "What the change rests on no longer holds. Read it again, then retry.",
		"ConflictException":                     "Two operations on the same thing conflict. Retry later.",
		"InternalServerException":               "The server failed. Retry later.",
		"InvalidInputException":                 "The input is wrong in its meaning.",
		"LimitExceededException":                "A limit is reached.",
		"ResourceAlreadyExistsException":        "The thing is there already.",
		"ResourceNotFoundException":             "The thing is not there, or the caller may not read it.",
		"ResourceUnavailableException":          "The thing is in use, or cannot be reached now.",
		"RetryLatestCommitFailedException":      "The latest commit cannot be tried again now. Retry later.",
		"SyncBlockerDoesNotExistException":      "There is no such blocker.",
		"SyncConfigurationStillExistsException": "Sync configurations still need the repository link.",
		"ThrottlingException":                   "The caller asks too often. Retry later.",
		"UnsupportedOperationException":         "The operation cannot be done to this thing.",
		"UnsupportedProviderTypeException":      "The provider type cannot be used.",
		"UpdateOutOfSyncException":              "The thing was changed meanwhile. Read it again, then retry.",
	}
}
