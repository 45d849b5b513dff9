package model

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed documentation.json
var documentationJSON []byte

// A documentation is the text of the source's comments, without the names that they
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
	var texts documentation
	if err := json.Unmarshal(documentationJSON, &texts); err != nil {
		return texts, fmt.Errorf("read the embedded documentation: %w", err)
	}
	return texts, nil
}

// exceptionTexts are the descriptions of exceptions, which have no comment in the source.
func exceptionTexts() map[string]string {
	return map[string]string{
		"AccessDeniedException": "You are not allowed to perform this operation.",
		"ConcurrentModificationException": "The resource was changed by another request. Read it again and " +
			"retry.",
		"ConditionalCheckFailedException": "The resource is not in the state that the request requires. " +
			"Read it again and retry.",
		"ConflictException":                     "Two requests for the same resource conflict. Retry later.",
		"InternalServerException":               "The server failed. Retry later.",
		"InvalidInputException":                 "The request is invalid.",
		"LimitExceededException":                "A quota is reached.",
		"ResourceAlreadyExistsException":        "The resource exists already.",
		"ResourceNotFoundException":             "The resource does not exist, or you may not read it.",
		"ResourceUnavailableException":          "The resource is in use or cannot be reached.",
		"RetryLatestCommitFailedException":      "The latest commit cannot be synced again now. Retry later.",
		"SyncBlockerDoesNotExistException":      "The blocker does not exist.",
		"SyncConfigurationStillExistsException": "A sync configuration uses the repository link.",
		"ThrottlingException":                   "Too many requests. Retry later.",
		"UnsupportedOperationException":         "The operation is not supported for this resource.",
		"UnsupportedProviderTypeException":      "The provider type is not supported.",
		"UpdateOutOfSyncException": "The resource was changed by another request. Read it again and " +
			"retry.",
	}
}
