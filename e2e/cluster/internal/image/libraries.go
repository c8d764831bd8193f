package image

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Program is a program's file and those of the shared libraries it needs, at their paths here.
func Program(source, path string) ([]File, error) {
	files := []File{{Path: path, Source: source, Mode: 0o755}}
	dynamic, err := isDynamic(source)
	if err != nil || !dynamic {
		return files, err
	}
	var complaint bytes.Buffer
	command := exec.Command("ldd", source)
	command.Env = append(os.Environ(), "LC_ALL=C")
	command.Stderr = &complaint
	listing, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("list the libraries of %s: %w: %s", source, err, strings.TrimSpace(complaint.String()))
	}
	libraries, err := parseLibraries(string(listing))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	for _, library := range libraries {
		files = append(files, File{Path: library, Source: library, Mode: 0o755})
	}
	return files, nil
}

func isDynamic(source string) (bool, error) {
	program, err := elf.Open(source)
	if err != nil {
		return false, fmt.Errorf("%s is no program for Linux: %w", source, err)
	}
	defer program.Close()
	return slices.ContainsFunc(program.Progs, func(part *elf.Prog) bool { return part.Type == elf.PT_INTERP }), nil
}

// parseLibraries reads the lines of ldd: `NAME => PATH (ADDRESS)`, `PATH (ADDRESS)` for the loader
// and `NAME (ADDRESS)` for what the kernel itself maps.
func parseLibraries(listing string) ([]string, error) {
	var paths []string
	for _, line := range strings.Split(listing, "\n") {
		name, target, found := strings.Cut(strings.TrimSpace(line), " => ")
		if !found {
			target = name
		}
		if strings.HasPrefix(target, "not found") {
			return nil, fmt.Errorf("the library %s is not on this machine: install its package", name)
		}
		path, _, _ := strings.Cut(target, " (")
		if strings.HasPrefix(path, "/") {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// Unique drops files whose path came before: programs of one image share libraries.
func Unique(files []File) []File {
	seen := map[string]bool{}
	return slices.DeleteFunc(files, func(file File) bool {
		again := seen[file.Path]
		seen[file.Path] = true
		return again
	})
}
