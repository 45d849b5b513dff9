package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/model"
	"github.com/lockstephq/lockstep/internal/wire"
)

func newModelCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "model",
		Short: "Print Lockstep's own service for boto3 and the AWS CLI",
		Long: "Print Lockstep's own service in the format of botocore (service-2.json). With --install it is put where boto3 and\n" +
			"the AWS CLI find it, with its paginators, and they know the service lockstep:\n\n" +
			"  lockstep model --install\n  aws lockstep list-resource-syncs --endpoint-url http://127.0.0.1:4747",
		Args: arguments(),
	}

	install := c.Flags().Bool("install", false, "write it into the folder of models")
	dir := c.Flags().String("dir", "", "with --install: the folder of models (default ~/.aws/models); name another in AWS_DATA_PATH")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *dir != "" && !*install {
			return usagef("--dir is only for --install.")
		}

		m, err := model.Of(wire.Lockstep())
		if err != nil {
			return err
		}

		files, err := m.Files()
		if err != nil {
			return err
		}

		if !*install {
			_, err = p.stdout.Write(files[0].Text)
			return err
		}

		folder := *dir
		if home := p.getenv("HOME"); folder == "" && home != "" {
			folder = filepath.Join(home, ".aws", "models")
		}

		if folder == "" {
			return usagef("There is no HOME to install the model below.").try("Name a folder of models with --dir.")
		}

		return p.installModel(folder, files)
	}

	return c
}

func (p *program) installModel(folder string, files []model.File) error {
	for _, f := range files {
		path := filepath.Join(folder, filepath.FromSlash(f.Path))
		done, err := place(path, f.Text)
		if err != nil {
			return err
		}

		if _, err := fmt.Fprintf(p.stdout, "%s %s\n", path, done); err != nil {
			return err
		}
	}

	_, err := fmt.Fprintln(p.stdout, "Next: aws lockstep list-resource-syncs --endpoint-url URL")
	return err
}

// place writes a file unless it is there already, and says what it did. Who
// reads meanwhile reads the old file or the new one.
func place(path string, text []byte) (done string, err error) {
	had, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(had, text):
		return "is there already", nil
	case err == nil:
		done = "was different and is replaced"
	case errors.Is(err, fs.ErrNotExist):
		done = "written"
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
	defer os.Remove(temporary.Name()) // after the rename there is nothing to remove

	_, err = temporary.Write(text)
	if err := errors.Join(err, temporary.Chmod(0o644), temporary.Close()); err != nil {
		return "", err
	}

	return done, os.Rename(temporary.Name(), path)
}
