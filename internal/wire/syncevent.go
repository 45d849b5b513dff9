package wire

// ListSyncEventsInput is the request of ListSyncEvents.
type ListSyncEventsInput struct {
	ResourceName string `json:",omitzero" shape:"ResourceName"`
	SyncType     string `json:",omitzero" shape:"SyncConfigurationType"`
	// The cursor of an earlier response: its events are followed by those of this
	// one, oldest first. By default the newest events are returned.
	After      string `json:",omitzero" shape:"EventCursor"`
	MaxResults *int   `json:",omitzero" shape:"MaxResults"`
}

// SyncEvent is an event of an attempt. An event of a repository sync has no
// resource.
type SyncEvent struct {
	Time             Time   `shape:"Timestamp"`
	Event            string `shape:"Event"`
	Type             string `shape:"Type"`
	ExternalId       string `json:",omitzero" shape:"ExternalId"`
	ResourceName     string `json:",omitzero" shape:"ResourceName"`
	SyncType         string `json:",omitzero" shape:"SyncConfigurationType"`
	RepositoryLinkId string `json:",omitzero" shape:"RepositoryLinkId"`
	Branch           string `json:",omitzero" shape:"BranchName"`
	// The commit of the attempt.
	Sha string `json:",omitzero" shape:"SHA"`
	// The id of the attempt.
	AttemptId string `shape:"Id"`
	// The status of the attempt after the event.
	Status string `json:",omitzero" shape:"RepositorySyncStatus"`
}

// ListSyncEventsOutput is the response of ListSyncEvents.
type ListSyncEventsOutput struct {
	Events []SyncEvent `shape:"SyncEventList"`
	// The cursor for the next request. It is present even if there are no events.
	NextCursor string `shape:"EventCursor"`
}
