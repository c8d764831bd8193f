package image

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"strings"
)

// descriptor points at a blob, as in the OCI image specification.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type blob struct {
	path    string
	content []byte
}

const epoch = "1970-01-01T00:00:00Z"

// FullName is the name as a container runtime knows it: one without a host is of docker.io.
func FullName(name string) string {
	if !strings.Contains(name[strings.LastIndex(name, "/")+1:], ":") {
		name += ":latest"
	}
	host, _, hosted := strings.Cut(name, "/")
	switch {
	case !hosted:
		return "docker.io/library/" + name
	case strings.ContainsAny(host, ".:") || host == "localhost":
		return name
	default:
		return "docker.io/" + name
	}
}

// writeArchive writes an OCI layout that also carries docker's own manifest.
func writeArchive(path string, spec Spec, layer []byte) error {
	layerAt := describe("application/vnd.oci.image.layer.v1.tar", layer)
	config, err := json.Marshal(configOf(spec, layerAt.Digest))
	if err != nil {
		return err
	}
	configAt := describe("application/vnd.oci.image.config.v1+json", config)
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": configAt, "layers": []descriptor{layerAt},
	})
	if err != nil {
		return err
	}
	manifestAt := describe("application/vnd.oci.image.manifest.v1+json", manifest)
	name := FullName(spec.Name)
	manifestAt.Annotations = map[string]string{
		"io.containerd.image.name":          name,
		"org.opencontainers.image.ref.name": name[strings.LastIndex(name, ":")+1:],
	}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []descriptor{manifestAt}})
	if err != nil {
		return err
	}
	docker, err := json.Marshal([]map[string]any{{
		"Config": blobPath(configAt), "RepoTags": []string{name}, "Layers": []string{blobPath(layerAt)},
	}})
	if err != nil {
		return err
	}
	return writeBlobs(path, []blob{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", index},
		{"manifest.json", docker},
		{blobPath(manifestAt), manifest},
		{blobPath(configAt), config},
		{blobPath(layerAt), layer},
	})
}

func configOf(spec Spec, layer string) map[string]any {
	return map[string]any{
		"created": epoch, "architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{
			"User": spec.User, "Entrypoint": spec.Entrypoint, "WorkingDir": "/",
			"Env": []string{"PATH=/usr/local/bin:/usr/bin:/bin"},
		},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{layer}},
		"history": []map[string]any{{"created": epoch}},
	}
}

func describe(kind string, content []byte) descriptor {
	sum := sha256.Sum256(content)
	return descriptor{MediaType: kind, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: len(content)}
}

func blobPath(at descriptor) string {
	return "blobs/sha256/" + strings.TrimPrefix(at.Digest, "sha256:")
}

// writeBlobs puts the archive in place in one step, so a cut-off run leaves no half of one.
func writeBlobs(path string, blobs []blob) error {
	part := path + ".part"
	file, err := os.Create(part)
	if err != nil {
		return err
	}
	writer := tar.NewWriter(file)
	var all []error
	for _, entry := range blobs {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: entry.path, Mode: 0o644, Size: int64(len(entry.content))}
		all = append(all, writer.WriteHeader(header))
		_, err := writer.Write(entry.content)
		all = append(all, err)
	}
	if err := errors.Join(append(all, writer.Close(), file.Close())...); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, path)
}
