package image

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestRuntimeNamesAreCompleted(t *testing.T) {
	for name, full := range map[string]string{
		"streamgate-operator:0.1.0":   "docker.io/library/streamgate-operator:0.1.0",
		"streamgate-operator":         "docker.io/library/streamgate-operator:latest",
		"team/operator:1":             "docker.io/team/operator:1",
		"registry.example/operator:1": "registry.example/operator:1",
		"localhost:5000/operator":     "localhost:5000/operator:latest",
	} {
		if got := FullName(name); got != full {
			t.Errorf("%s became %s instead of %s", name, got, full)
		}
	}
}

func TestSameInputGivesTheSameBytes(t *testing.T) {
	dir := t.TempDir()
	spec := Spec{Name: "a:1", Files: append(Base(), File{Path: "/z", Content: "z"}, File{Path: "/a/b", Content: "b"})}
	var archives [2][]byte
	for i := range archives {
		path := filepath.Join(dir, "image.tar")
		if err := spec.Write(path); err != nil {
			t.Fatal(err)
		}
		archives[i], _ = os.ReadFile(path)
		slices.Reverse(spec.Files)
	}
	if len(archives[0]) == 0 || !bytes.Equal(archives[0], archives[1]) {
		t.Error("two archives of the same files differ")
	}
}

func TestEveryFolderComesOnceBeforeWhatItHolds(t *testing.T) {
	got := foldersOf([]File{{Path: "/usr/bin/a"}, {Path: "/usr/lib/b"}, {Path: "/c"}})
	if !slices.Equal(got, []string{"tmp", "usr", "usr/bin", "usr/lib"}) {
		t.Errorf("got %v", got)
	}
}

func TestLibrariesAreReadFromTheListing(t *testing.T) {
	listing := "\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/libc.so.6 (0x2)\n\t/lib64/ld.so (0x3)\n"
	got, err := parseLibraries(listing)
	if err != nil || !slices.Equal(got, []string{"/lib/libc.so.6", "/lib64/ld.so"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := parseLibraries("\tlibx.so => not found\n"); err == nil {
		t.Error("a missing library was passed over")
	}
}
