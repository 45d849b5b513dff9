package gitwire

import "time"

// Limits bound what one repository may cost. A field that is zero or negative
// takes its default.
type Limits struct {
	// RefBytes is the most that an answer to ls-refs, or a packed-refs file, may
	// have. Defaults to 16 MiB, about 250,000 refs.
	RefBytes int64
	// PackBytes is the most that a pack of trees or wanted blobs may have on the
	// wire. Defaults to 64 MiB.
	PackBytes int64
	// FullPackBytes is the same for a pack that holds all blobs of a commit, from
	// a server without filters. Defaults to 512 MiB.
	FullPackBytes int64
	// InflatedBytes is the most that one pack may inflate to, counting what is
	// dropped at once. Defaults to 2 GiB.
	InflatedBytes int64
	// Objects is the most that one pack may hold. Defaults to 1,000,000.
	Objects int
	// ObjectBytes is the size of the largest commit or tree. Defaults to 16 MiB.
	ObjectBytes int64
	// TreeBytes is the most that the trees of one commit may have together, and
	// the commits of one History. Defaults to 128 MiB.
	TreeBytes int64
	// PathBytes is the summed length of all full paths of one commit, which
	// bounds every walk and comparison. Defaults to 256 MiB.
	PathBytes int64
	// Depth is how many folders deep a path may go. Defaults to 256.
	Depth int
	// BlobBytes is the size of the largest file that can be read. Defaults to
	// 16 MiB.
	BlobBytes int64
	// BlobCacheBytes is how many bytes of files a Remote keeps. Defaults to
	// 32 MiB.
	BlobCacheBytes int64
	// Commits is the most that one History may hold. Defaults to 100,000.
	Commits int
	// Timeout is the most that one request may take, its answer included.
	// Defaults to 5 minutes.
	Timeout time.Duration
	// Idle is how long an answer may stop between two pieces. Defaults to one
	// minute.
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
