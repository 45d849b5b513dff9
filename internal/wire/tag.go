package wire

// Tag is a key and a value; the value may be empty.
type Tag struct {
	Key   string `shape:"TagKey"`
	Value string `shape:"TagValue"`
}

// TagResourceInput adds tags or changes their values.
type TagResourceInput struct {
	ResourceArn string `shape:"AmazonResourceName"`
	Tags        []Tag  `shape:"TagList"`
}

// TagResourceOutput is empty.
type TagResourceOutput struct{}

// UntagResourceInput removes tags by key.
type UntagResourceInput struct {
	ResourceArn string   `shape:"AmazonResourceName"`
	TagKeys     []string `shape:"TagKeyList"`
}

// UntagResourceOutput is empty.
type UntagResourceOutput struct{}

// ListTagsForResourceInput asks for all tags of a thing; the model gives it no
// paging.
type ListTagsForResourceInput struct {
	ResourceArn string `shape:"AmazonResourceName"`
}

// ListTagsForResourceOutput answers ListTagsForResource.
type ListTagsForResourceOutput struct {
	Tags []Tag `json:",omitzero" shape:"TagList"`
}
