// Package image writes container images from programs of this machine, without an engine.
//
// An image is one layer: the programs, the shared libraries they need, the users they run as and
// the certificates they trust. The same input gives the same bytes, so a digest names a build.
package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

// File is a file of the image: a copy of Source, or the Content.
type File struct {
	Path    string
	Source  string
	Content string
	Mode    int64
}

// Spec says what an image holds and how it is run.
type Spec struct {
	Name       string
	Files      []File
	Entrypoint []string
	User       string
}

// users lets programs look up who they are: the courier or the data plane, and the transcoder.
const users = "root:x:0:0::/:/sbin/nologin\n" +
	"streamgate:x:10001:10001::/:/sbin/nologin\n" +
	"transcoder:x:10002:10002::/:/sbin/nologin\n"

const groups = "root:x:0:\nshared:x:10000:\nstreamgate:x:10001:\ntranscoder:x:10002:\n"

const authorities = "/etc/ssl/certs/ca-certificates.crt"

// Base is what every image of ours holds beside its programs.
func Base() []File {
	base := []File{
		{Path: "/etc/passwd", Content: users, Mode: 0o644},
		{Path: "/etc/group", Content: groups, Mode: 0o644},
		// Without it the C library asks the name server before it looks at the pod's own hosts file.
		{Path: "/etc/nsswitch.conf", Content: "hosts: files dns\n", Mode: 0o644},
	}
	if _, err := os.Stat(authorities); err == nil {
		base = append(base, File{Path: authorities, Source: authorities, Mode: 0o644})
	}
	return base
}

// Write writes the image as an archive that containerd and docker load.
func (s Spec) Write(archive string) error {
	layer, err := s.layer()
	if err != nil {
		return err
	}
	return writeArchive(archive, s, layer)
}

// layer is a tar of the files in order of their paths, with fixed times and owners.
func (s Spec) layer() ([]byte, error) {
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	files := slices.Clone(s.Files)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	for _, folder := range foldersOf(files) {
		header := &tar.Header{Typeflag: tar.TypeDir, Name: folder + "/", Mode: 0o755}
		if folder == "tmp" {
			header.Mode = 0o1777
		}
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
	}
	for _, file := range files {
		if err := file.write(writer); err != nil {
			return nil, err
		}
	}
	err := writer.Close()
	return buffer.Bytes(), err
}

func (f File) write(writer *tar.Writer) error {
	content := []byte(f.Content)
	if f.Source != "" {
		read, err := os.ReadFile(f.Source)
		if err != nil {
			return fmt.Errorf("read a file of the image: %w", err)
		}
		content = read
	}
	name := strings.TrimPrefix(f.Path, "/")
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: f.Mode, Size: int64(len(content))}
	if err := writer.WriteHeader(header); err != nil {
		return err
	}
	_, err := writer.Write(content)
	return err
}

// foldersOf is /tmp and every folder above a file, each once, parents first.
func foldersOf(files []File) []string {
	folders := []string{"tmp"}
	for _, file := range files {
		for folder := path.Dir(strings.TrimPrefix(file.Path, "/")); folder != "."; folder = path.Dir(folder) {
			folders = append(folders, folder)
		}
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}
