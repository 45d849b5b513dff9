package wire

// ListSyncEventsInput asks for the events after a cursor, oldest first; without
// a cursor for the newest ones. ResourceName and SyncType narrow it.
type ListSyncEventsInput struct {
	ResourceName string `json:",omitzero" shape:"ResourceName"`
	SyncType     string `json:",omitzero" shape:"SyncConfigurationType"`
	After        string `json:",omitzero" shape:"EventCursor"`
	MaxResults   *int   `json:",omitzero" shape:"MaxResults"`
}

// SyncEvent is an event with the attempt it belongs to. A repository sync's
// event has a link and a branch and no resource. Status is the attempt's after
// the event.
type SyncEvent struct {
	Time             Time   `shape:"Timestamp"`
	Event            string `shape:"Event"`
	Type             string `shape:"Type"`
	ExternalId       string `json:",omitzero" shape:"ExternalId"`
	ResourceName     string `json:",omitzero" shape:"ResourceName"`
	SyncType         string `json:",omitzero" shape:"SyncConfigurationType"`
	RepositoryLinkId string `json:",omitzero" shape:"RepositoryLinkId"`
	Branch           string `json:",omitzero" shape:"BranchName"`
	Sha              string `json:",omitzero" shape:"SHA"`
	AttemptId        string `shape:"Id"`
	Status           string `json:",omitzero" shape:"RepositorySyncStatus"`
}

// ListSyncEventsOutput answers ListSyncEvents. NextCursor is there also when
// Events is empty: a watcher asks again with it.
type ListSyncEventsOutput struct {
	Events     []SyncEvent `shape:"SyncEventList"`
	NextCursor string      `shape:"EventCursor"`
}
