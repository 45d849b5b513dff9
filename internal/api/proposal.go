package api

import (
	"context"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ProposeDeploymentFile opens a pull request that adds the deployment file of a
// resource. It asks the Git host, outside of any transaction.
func (s *Service) ProposeDeploymentFile(ctx context.Context, caller access.Caller, input *wire.ProposeDeploymentFileInput) (*wire.ProposeDeploymentFileOutput, error) {
	link, err := s.readLink(ctx, caller, input.RepositoryLinkId, "lockstep:ProposeDeploymentFile")
	if err != nil {
		return nil, err
	}

	if wrong := s.o.ValidName[lockstep.SyncType(input.SyncType)]; wrong != nil {
		if err := wrong(input.ResourceName); err != nil {
			return nil, err
		}
	}

	if input.Branch != "" && !lockstep.ValidBranch(input.Branch) {
		return nil, lockstep.Errorf(lockstep.Invalid, "%q cannot be a branch.", input.Branch)
	}

	parameters, err := uniqueValues("Parameters", input.Parameters)
	if err != nil {
		return nil, err
	}

	tags, err := uniqueValues("Tags", input.Tags)
	if err != nil {
		return nil, err
	}

	pullRequest, branch, err := s.o.Repositories.Propose(ctx, link.ID, engine.Proposed{
		SyncType:   lockstep.SyncType(input.SyncType),
		Resource:   input.ResourceName,
		Branch:     input.Branch,
		File:       input.ConfigFile,
		Deployment: target.Deployment{Template: input.TemplateFile, Parameters: parameters, Tags: tags},
	})
	if err != nil {
		return nil, asHostFailure(err)
	}

	return &wire.ProposeDeploymentFileOutput{Branch: branch, Number: int(pullRequest.Number), Url: pullRequest.URL}, nil
}

// uniqueValues makes a map of a list, of which no two have one name.
func uniqueValues(member string, list []wire.NamedValue) (map[string]string, error) {
	all := make(map[string]string, len(list))
	for _, value := range list {
		if _, twice := all[value.Name]; twice {
			return nil, lockstep.Errorf(lockstep.Invalid, "%s has %q twice.", member, value.Name)
		}
		all[value.Name] = value.Value
	}
	return all, nil
}
