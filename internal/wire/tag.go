package wire

// Tag is a key and a value. The value may be empty.
type Tag struct {
	Key   string `shape:"TagKey"`
	Value string `shape:"TagValue"`
}

// TagResourceInput is the request of TagResource.
type TagResourceInput struct {
	ResourceArn string `shape:"AmazonResourceName"`
	Tags        []Tag  `shape:"TagList"`
}

// TagResourceOutput is the response of TagResource.
type TagResourceOutput struct{}

// UntagResourceInput is the request of UntagResource.
type UntagResourceInput struct {
	ResourceArn string   `shape:"AmazonResourceName"`
	TagKeys     []string `shape:"TagKeyList"`
}

// UntagResourceOutput is the response of UntagResource.
type UntagResourceOutput struct{}

// ListTagsForResourceInput is the request of ListTagsForResource.
//
// AWS's model has no pages for it.
type ListTagsForResourceInput struct {
	ResourceArn string `shape:"AmazonResourceName"`
}

// ListTagsForResourceOutput is the response of ListTagsForResource.
type ListTagsForResourceOutput struct {
	Tags []Tag `json:",omitzero" shape:"TagList"`
}
