package api

import (
	"context"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ProposeDeploymentFile opens a pull request that adds the deployment file of a
// resource.
func (s *Service) ProposeDeploymentFile(
	ctx context.Context, caller access.Caller, input *wire.ProposeDeploymentFileInput,
) (*wire.ProposeDeploymentFileOutput, error) {
	link, err := s.readLink(ctx, caller, "lockstep:ProposeDeploymentFile", input.RepositoryLinkId)
	if err != nil {
		return nil, err
	}

	if wrong := s.options.ValidName[lockstep.SyncType(input.SyncType)]; wrong != nil {
		if err := wrong(input.ResourceName); err != nil {
			return nil, err
		}
	}

	if input.Branch != "" && !lockstep.ValidBranch(input.Branch) {
		return nil, lockstep.Errorf(lockstep.Invalid, "%q is not a valid branch name.", input.Branch)
	}

	parameters, err := uniqueValues("Parameters", input.Parameters)
	if err != nil {
		return nil, err
	}

	tags, err := uniqueValues("Tags", input.Tags)
	if err != nil {
		return nil, err
	}

	pullRequest, branch, err := s.options.Repositories.Propose(ctx, link.ID, repository.Proposal{
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

// uniqueValues returns a list as a map, or Invalid if a name occurs twice.
func uniqueValues(member string, list []wire.NamedValue) (map[string]string, error) {
	all := make(map[string]string, len(list))
	for _, value := range list {
		if _, twice := all[value.Name]; twice {
			return nil, lockstep.Errorf(lockstep.Invalid, "%s contains %q twice.", member, value.Name)
		}
		all[value.Name] = value.Value
	}
	return all, nil
}
