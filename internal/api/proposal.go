package api

import (
	"context"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ProposeDeploymentFile opens a pull request that adds the deployment file of a
// resource. It asks the Git host, outside of any transaction.
func (s *Service) ProposeDeploymentFile(ctx context.Context, c Caller, in *wire.ProposeDeploymentFileInput) (*wire.ProposeDeploymentFileOutput, error) {
	l, err := s.readLink(ctx, c, in.RepositoryLinkId, "lockstep:ProposeDeploymentFile")
	if err != nil {
		return nil, err
	}

	if wrong := s.o.ValidName[lockstep.SyncType(in.SyncType)]; wrong != nil {
		if err := wrong(in.ResourceName); err != nil {
			return nil, err
		}
	}

	if in.Branch != "" && !lockstep.ValidBranch(in.Branch) {
		return nil, lockstep.Errorf(lockstep.Invalid, "%q cannot be a branch.", in.Branch)
	}

	parameters, err := valuesOf("Parameters", in.Parameters)
	if err != nil {
		return nil, err
	}

	tags, err := valuesOf("Tags", in.Tags)
	if err != nil {
		return nil, err
	}

	pr, branch, err := s.o.Hosts.Propose(ctx, l.ID, engine.Proposed{
		SyncType: lockstep.SyncType(in.SyncType), Resource: in.ResourceName, Branch: in.Branch, File: in.ConfigFile,
		Deployment: target.Deployment{Template: in.TemplateFile, Parameters: parameters, Tags: tags},
	})
	if err != nil {
		return nil, byHost(err)
	}

	return &wire.ProposeDeploymentFileOutput{Branch: branch, Number: int(pr.Number), Url: pr.URL}, nil
}

// valuesOf makes a map of a list, of which no two have one name.
func valuesOf(member string, list []wire.NamedValue) (map[string]string, error) {
	all := make(map[string]string, len(list))
	for _, v := range list {
		if _, twice := all[v.Name]; twice {
			return nil, lockstep.Errorf(lockstep.Invalid, "%s has %q twice.", member, v.Name)
		}
		all[v.Name] = v.Value
	}
	return all, nil
}
