package main

import (
	"fmt"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"streamgate.io/e2e/cluster/internal/image"
)

func writeImage() *cobra.Command {
	var binaries, entrypoint []string
	var user, out string
	command := &cobra.Command{Use: "image NAME:TAG", Short: "Write an image of programs of this machine as an archive", Args: cobra.ExactArgs(1)}
	command.Flags().StringArrayVar(&binaries, "binary", nil, "program, PATH or PATH=PATH-IN-IMAGE, with the libraries it needs (repeatable)")
	command.Flags().StringArrayVar(&entrypoint, "entrypoint", nil, "word of the entrypoint (repeatable); default: the first program")
	command.Flags().StringVar(&user, "user", "10001", "user, or user:group, it runs as")
	command.Flags().StringVar(&out, "out", "", "archive to write")
	_ = command.MarkFlagRequired("binary")
	_ = command.MarkFlagRequired("out")
	command.RunE = func(_ *cobra.Command, args []string) error {
		files := image.Base()
		for i, binary := range binaries {
			source, target := splitBinary(binary)
			program, err := image.Program(source, target)
			if err != nil {
				return err
			}
			files = append(files, program...)
			if i == 0 && len(entrypoint) == 0 {
				entrypoint = []string{target}
			}
		}
		spec := image.Spec{Name: args[0], Files: image.Unique(files), Entrypoint: entrypoint, User: user}
		if err := spec.Write(out); err != nil {
			return fmt.Errorf("write %s: %w", out, err)
		}
		fmt.Println(image.FullName(args[0]))
		return nil
	}
	return command
}

// splitBinary reads PATH[=PATH-IN-IMAGE]; programs lie in /usr/local/bin unless told otherwise.
func splitBinary(binary string) (source, target string) {
	source, target, told := strings.Cut(binary, "=")
	if !told {
		target = "/usr/local/bin/" + path.Base(source)
	}
	return source, target
}
