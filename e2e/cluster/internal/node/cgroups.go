package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cgroup is the group that the kubelet puts every pod below.
const cgroup = "streamgate"

// hierarchies are the mounted trees of control groups: one of version 2, or one per controller.
func hierarchies() []string {
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	return cgroupMounts(string(mounts))
}

// cgroupMounts reads lines like `31 23 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu`.
func cgroupMounts(mountinfo string) []string {
	var found []string
	for _, line := range strings.Split(mountinfo, "\n") {
		mount, kind, ok := strings.Cut(line, " - ")
		if ok && strings.HasPrefix(kind, "cgroup") && len(strings.Fields(mount)) > 4 {
			found = append(found, strings.Fields(mount)[4])
		}
	}
	return found
}

func makeControlGroups() error {
	for _, root := range hierarchies() {
		if err := delegate(root); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(root, cgroup), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// delegate lets groups below the root of version 2 have controllers; version 1 has no such file.
func delegate(root string) error {
	known, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if errors.Is(err, fs.ErrNotExist) || len(known) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	wanted := "+" + strings.Join(strings.Fields(string(known)), " +")
	return os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte(wanted), 0o644)
}

// podProcesses are the processes of all containers.
func podProcesses() []int {
	var all []int
	for _, root := range hierarchies() {
		_ = filepath.WalkDir(filepath.Join(root, cgroup), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Name() == "cgroup.procs" {
				content, _ := os.ReadFile(path)
				for _, field := range strings.Fields(string(content)) {
					pid, _ := strconv.Atoi(field)
					all = append(all, pid)
				}
			}
			return nil
		})
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// removeControlGroups waits a little: a group is busy until its last process is gone for good.
func removeControlGroups() error {
	return until(10*time.Second, func(context.Context) error {
		var all []error
		for _, root := range hierarchies() {
			all = append(all, removeTree(filepath.Join(root, cgroup)))
		}
		return errors.Join(all...)
	})
}

// removeTree removes groups from the leaves up; their files go with them.
func removeTree(group string) error {
	entries, err := os.ReadDir(group)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeTree(filepath.Join(group, entry.Name())); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(group); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a control group: %w", err)
	}
	return nil
}
