package sample

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

type objectID = [sha1.Size]byte

// A repository writes the files of a .git folder.
type repository struct {
	dir   string
	index []indexEntry // sorted by path
}

type indexEntry struct {
	path string
	id   objectID
	size int
}

// config makes commits work if git has no user name configured.
const config = `[core]
	repositoryformatversion = 0
	filemode = true
	bare = false
	logallrefupdates = true
[user]
	name = Lockstep
	email = lockstep@localhost
`

func (r *repository) init() error {
	for _, dir := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags", "info"} {
		if err := os.MkdirAll(filepath.Join(r.dir, dir), 0o755); err != nil {
			return err
		}
	}
	if err := r.write("HEAD", "ref: refs/heads/"+Branch+"\n"); err != nil {
		return err
	}
	return r.write("config", config)
}

func (r *repository) write(name, text string) error {
	return os.WriteFile(filepath.Join(r.dir, filepath.FromSlash(name)), []byte(text), 0o644)
}

// object writes a loose object.
func (r *repository) object(kind string, data []byte) (objectID, error) {
	whole := append(fmt.Appendf(nil, "%s %d\x00", kind, len(data)), data...)
	id := sha1.Sum(whole)
	var packed bytes.Buffer
	compressor := zlib.NewWriter(&packed)
	if _, err := compressor.Write(whole); err != nil {
		return id, err
	}

	if err := compressor.Close(); err != nil {
		return id, err
	}

	name := fmt.Sprintf("%x", id)
	folder := filepath.Join(r.dir, "objects", name[:2])
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return id, err
	}

	return id, os.WriteFile(filepath.Join(folder, name[2:]), packed.Bytes(), 0o444)
}

// add writes a folder of tree to the working copy, the index and a tree object.
// The names of the files sort equally in fs.ReadDir and in Git.
func (r *repository) add(tree fs.FS, work, folder string) (objectID, error) {
	list, err := fs.ReadDir(tree, folder)
	if err != nil {
		return objectID{}, err
	}

	var data []byte
	for _, entry := range list {
		name := path.Join(folder, entry.Name())
		at := filepath.Join(work, filepath.FromSlash(name))
		mode, id := "40000", objectID{}
		if entry.IsDir() {
			if err = os.Mkdir(at, 0o755); err == nil {
				id, err = r.add(tree, work, name)
			}
		} else {
			mode = "100644"
			id, err = r.addFile(tree, at, name)
		}

		if err != nil {
			return objectID{}, err
		}

		data = append(fmt.Appendf(data, "%s %s\x00", mode, entry.Name()), id[:]...)
	}

	return r.object("tree", data)
}

func (r *repository) addFile(tree fs.FS, at, name string) (objectID, error) {
	content, err := fs.ReadFile(tree, name)
	if err != nil {
		return objectID{}, err
	}
	if err := os.WriteFile(at, content, 0o644); err != nil {
		return objectID{}, err
	}
	id, err := r.object("blob", content)
	r.index = append(r.index, indexEntry{path: name, id: id, size: len(content)})
	return id, err
}

// writeIndex writes an index of version 2. Its times are zero, so that git
// compares each file the first time.
func (r *repository) writeIndex() error {
	b := []byte("DIRC")
	b = binary.BigEndian.AppendUint32(b, 2)
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.index)))
	for _, entry := range r.index {
		start := len(b)
		b = append(b, make([]byte, 24)...) // ctime, mtime, device, inode
		b = binary.BigEndian.AppendUint32(b, 0o100644)
		b = append(b, make([]byte, 8)...) // user, group
		b = binary.BigEndian.AppendUint32(b, uint32(entry.size))
		b = append(b, entry.id[:]...)
		b = binary.BigEndian.AppendUint16(b, uint16(len(entry.path)))
		b = append(b, entry.path...)
		b = append(b, make([]byte, 8-(len(b)-start)%8)...)
	}

	sum := sha1.Sum(b)
	return os.WriteFile(filepath.Join(r.dir, "index"), append(b, sum[:]...), 0o644)
}
