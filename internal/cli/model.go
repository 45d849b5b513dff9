package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/model"
	"github.com/lockstephq/lockstep/internal/wire"
)

func newModelCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "model",
		Short: "Print or install the service model for boto3 and the AWS CLI",
		Long: "Print the model of the service lockstep in the format of botocore (service-2.json). With\n" +
			"--install, write it and its paginators where boto3 and the AWS CLI find them.",
		Example: "  lockstep model --install\n  aws lockstep list-resource-syncs --endpoint-url http://127.0.0.1:4747",
		Args:    command.Args(),
	}

	install := cmd.Flags().Bool("install", false, "write the model into the directory of models")
	directory := cmd.Flags().String("dir", "",
		"with --install: directory of models (default ~/.aws/models); set AWS_DATA_PATH to use another")
	cmd.RunE = func(*cobra.Command, []string) error {
		if *directory != "" && !*install {
			return command.Usagef("--dir requires --install.")
		}

		service, err := model.Of(wire.Lockstep())
		if err != nil {
			return err
		}

		files, err := service.Files()
		if err != nil {
			return err
		}

		if !*install {
			_, err = env.Stdout.Write(files[0].Text)
			return err
		}

		target := *directory
		if home := env.Getenv("HOME"); target == "" && home != "" {
			target = filepath.Join(home, ".aws", "models")
		}

		if target == "" {
			return command.Usagef("HOME is not set.").WithHint("Name the directory of models with --dir.")
		}

		return installModel(env, target, files)
	}

	return cmd
}

func installModel(env *command.Env, directory string, files []model.File) error {
	for _, file := range files {
		path := filepath.Join(directory, filepath.FromSlash(file.Path))
		result, err := installFile(path, file.Text)
		if err != nil {
			return err
		}

		if err := env.Printf("%s %s\n", path, result); err != nil {
			return err
		}
	}

	return env.Printf("Next: aws lockstep list-resource-syncs --endpoint-url URL\n")
}

// installFile writes a file atomically unless it has the text already, and returns
// what it did.
func installFile(path string, text []byte) (result string, err error) {
	existing, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(existing, text):
		return "unchanged", nil
	case err == nil:
		result = "replaced"
	case errors.Is(err, fs.ErrNotExist):
		result = "written"
	default:
		return "", err
	}

	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}

	temporary, err := os.CreateTemp(filepath.Dir(path), ".model-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(temporary.Name()) // fails after the rename

	_, err = temporary.Write(text)
	if err := errors.Join(err, temporary.Chmod(0o644), temporary.Close()); err != nil {
		return "", err
	}

	return result, os.Rename(temporary.Name(), path)
}
