package gitwire

import "time"

// Limits bound what one repository may cost. A field that is zero or negative
// takes its default.
type Limits struct {
	// RefBytes is the size of the largest answer to ls-refs, and of the largest packed-refs
	// file. Defaults to 16 MiB, about 250,000 refs.
	RefBytes int64
	// PackBytes is the size of the largest pack of trees or wanted blobs, as it is sent.
	// Defaults to 64 MiB.
	PackBytes int64
	// FullPackBytes is the same for a pack with all blobs of a commit, from a server without
	// filters. Defaults to 512 MiB.
	FullPackBytes int64
	// InflatedBytes is the size to which one pack may inflate, including what is dropped.
	// Defaults to 2 GiB.
	InflatedBytes int64
	// Objects is how many objects one pack may have. Defaults to 1,000,000.
	Objects int
	// ObjectBytes is the size of the largest commit or tree. Defaults to 16 MiB.
	ObjectBytes int64
	// TreeBytes is the size of all trees of one commit, and of all commits of one History.
	// Defaults to 128 MiB.
	TreeBytes int64
	// PathBytes is the sum of the lengths of all full paths of one commit, which bounds every
	// walk and comparison. Defaults to 256 MiB.
	PathBytes int64
	// Depth is how many folders deep a path may be. Defaults to 256.
	Depth int
	// BlobBytes is the size of the largest file that can be read. Defaults to
	// 16 MiB.
	BlobBytes int64
	// BlobCacheBytes is how many bytes of files a Remote keeps. Defaults to
	// 32 MiB.
	BlobCacheBytes int64
	// Commits is how many commits one History may have. Defaults to 100,000.
	Commits int
	// Timeout bounds one request, including its answer. Defaults to 5 minutes.
	Timeout time.Duration
	// Idle bounds the pauses within an answer. Defaults to one minute.
	Idle time.Duration
}

func (l Limits) withDefaults() Limits {
	const mib = 1 << 20
	orElse(&l.RefBytes, 16*mib)
	orElse(&l.PackBytes, 64*mib)
	orElse(&l.FullPackBytes, 512*mib)
	orElse(&l.InflatedBytes, 2048*mib)
	orElse(&l.Objects, 1_000_000)
	orElse(&l.ObjectBytes, 16*mib)
	orElse(&l.TreeBytes, 128*mib)
	orElse(&l.PathBytes, 256*mib)
	orElse(&l.Depth, 256)
	orElse(&l.BlobBytes, 16*mib)
	orElse(&l.BlobCacheBytes, 32*mib)
	orElse(&l.Commits, 100_000)
	orElse(&l.Timeout, 5*time.Minute)
	orElse(&l.Idle, time.Minute)

	return l
}

func orElse[T int | int64 | time.Duration](v *T, fallback T) {
	if *v <= 0 {
		*v = fallback
	}
}
