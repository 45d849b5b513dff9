package access

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// A Subject is the resource of an authorization request.
type Subject struct {
	resourceType policy.EntityType
	// describe reads the attributes that policies refer to.
	describe func(tx *db.Tx) (policy.Resource, error)
	// notFound is the error for a caller that may not read the resource. It is nil
	// for a resource that the caller is about to create.
	notFound error
}

// WithNotFound returns a copy of s whose not-found error is err. Use nil for a
// resource that the caller is about to create.
func (s Subject) WithNotFound(err error) Subject {
	s.notFound = err
	return s
}

// HostSubject returns the subject of a host.
func HostSubject(host lockstep.Host) Subject {
	return Subject{
		resourceType: policy.Host,
		describe: func(tx *db.Tx) (policy.Resource, error) {
			tags, err := store.Tags(tx, host.ARN)
			return policy.HostResource(host, tags), err
		},
		notFound: store.NoHost(host.ARN),
	}
}

// ConnectionSubject returns the subject of a connection.
func ConnectionSubject(conn lockstep.Connection) Subject {
	return Subject{
		resourceType: policy.Connection,
		describe: func(tx *db.Tx) (policy.Resource, error) {
			tags, err := store.Tags(tx, conn.ARN)
			return policy.ConnectionResource(conn, tags), err
		},
		notFound: store.NoConnection(conn.ARN),
	}
}

// LinkSubject returns the subject of a repository link.
func LinkSubject(link lockstep.RepositoryLink) Subject {
	return Subject{
		resourceType: policy.RepositoryLink,
		describe: func(tx *db.Tx) (policy.Resource, error) {
			tags, err := store.Tags(tx, link.ARN)
			return policy.LinkResource(link, tags), err
		},
		notFound: store.NoLink(link.ID),
	}
}

// ConfigurationSubject returns the subject of a sync configuration.
func ConfigurationSubject(cfg lockstep.SyncConfiguration) Subject {
	return ConfigurationSubjects()(cfg)
}

// ConfigurationSubjects returns [ConfigurationSubject] for many configurations
// within one transaction: it reads each repository link once.
func ConfigurationSubjects() func(lockstep.SyncConfiguration) Subject {
	type taggedLink struct {
		link lockstep.RepositoryLink
		tags []lockstep.Tag
	}
	cache := map[string]taggedLink{} // by link id

	readLink := func(tx *db.Tx, id string) (taggedLink, error) {
		if cached, ok := cache[id]; ok {
			return cached, nil
		}

		link, err := store.LinkByID(tx, id)
		if err != nil {
			return taggedLink{}, err
		}

		tags, err := store.Tags(tx, link.ARN)
		if err != nil {
			return taggedLink{}, err
		}

		cache[id] = taggedLink{link, tags}
		return cache[id], nil
	}

	return func(cfg lockstep.SyncConfiguration) Subject {
		return Subject{
			resourceType: policy.SyncConfiguration,
			describe: func(tx *db.Tx) (policy.Resource, error) {
				read, err := readLink(tx, cfg.LinkID)
				if err != nil {
					return policy.Resource{}, err
				}
				return policy.ConfigurationResource(cfg, read.link, read.tags), nil
			},
			notFound: store.NoConfiguration(cfg.ResourceName),
		}
	}
}

// AttemptSubject returns the subject of an attempt: its sync configuration as it
// was when the attempt began.
func AttemptSubject(entry syncstate.AttemptEntry) Subject { return AttemptSubjects()(entry) }

// AttemptSubjects returns [AttemptSubject] for many attempts within one
// transaction. If the link of an attempt is deleted, its tags are unknown. Then
// only callers that may read every sync configuration find the attempt.
func AttemptSubjects() func(syncstate.AttemptEntry) Subject {
	subjectOf := ConfigurationSubjects()
	return func(entry syncstate.AttemptEntry) Subject {
		subject := subjectOf(entry.Configuration).WithNotFound(syncstate.NoAttempt(entry.ID))
		describe := subject.describe
		subject.describe = func(tx *db.Tx) (policy.Resource, error) {
			resource, err := describe(tx)
			if lockstep.KindOf(err) == lockstep.NotFound {
				err = subject.notFound
			}
			return resource, err
		}

		return subject
	}
}

// StatusSubject returns the subject of a resource whose status is read: its sync
// configuration. A resource without one has no status.
func StatusSubject(resource lockstep.Resource) Subject {
	notFound := syncstate.NoStatus(resource.Name)
	return Subject{
		resourceType: policy.SyncConfiguration,
		describe: func(tx *db.Tx) (policy.Resource, error) {
			cfg, err := store.Configuration(tx, resource.Account, resource.Region, resource.SyncType, resource.Name)
			if lockstep.KindOf(err) == lockstep.NotFound {
				return policy.Resource{}, notFound
			}
			if err != nil {
				return policy.Resource{}, err
			}

			return ConfigurationSubject(cfg).describe(tx)
		},
		notFound: notFound,
	}
}
