package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"streamgate.io/e2e/cluster/internal/process"
)

// noteFile says who has changed this machine and how it was before. It lies outside of the
// cluster's folder, which may be deleted under a running cluster.
var noteFile = "/run/streamgate-cluster.json"

// kernelSettings are those the kubelet sets, and forwarding, which pods need.
var kernelSettings = []string{
	"kernel/keys/root_maxbytes", "kernel/keys/root_maxkeys", "kernel/panic", "kernel/panic_on_oops",
	"net/ipv4/ip_forward", "vm/overcommit_memory", "vm/panic_on_oom",
}

type note struct {
	Dir      string            `json:"dir"`
	Settings map[string]string `json:"settings,omitempty"`
	Folders  []string          `json:"folders,omitempty"`
}

func readNote() (note, error) {
	var known note
	content, err := os.ReadFile(noteFile)
	if errors.Is(err, os.ErrNotExist) {
		return known, nil
	}
	if err != nil {
		return known, err
	}
	return known, json.Unmarshal(content, &known)
}

// claimMachine refuses a second cluster, and clears a dead one of another folder.
func (n Node) claimMachine() error {
	known, err := readNote()
	if err != nil || known.Dir == "" || known.Dir == n.Dir {
		return err
	}
	other := n
	other.Dir = known.Dir
	if other.group().AnyAlive() {
		return fmt.Errorf("the cluster of %s runs on this machine, and there is room for one: use it with --dir %s, or end it with `cluster down --dir %s`", known.Dir, known.Dir, known.Dir)
	}
	return other.step("clear the dead cluster of "+known.Dir, other.clear)
}

// takeNote writes down how the machine is, before it is changed.
func (n Node) takeNote() error {
	before := note{Dir: n.Dir, Settings: map[string]string{}}
	for _, name := range kernelSettings {
		if value, err := os.ReadFile(filepath.Join("/proc/sys", name)); err == nil {
			before.Settings[name] = strings.TrimSpace(string(value))
		}
	}
	for at := range fixedFolders {
		if !exists(at) {
			before.Folders = append(before.Folders, at)
		}
	}
	content, err := json.MarshalIndent(before, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(noteFile, content, 0o644)
}

// prepareMachine changes the machine itself; clear takes every change back.
func (n Node) prepareMachine() error {
	if err := n.takeNote(); err != nil {
		return err
	}
	forward := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
	return errors.Join(forward, n.makeFolders(), makeNetwork(), makeControlGroups())
}

// restore puts back what the note says and forgets it.
func restore() error {
	before, err := readNote()
	if err != nil {
		return err
	}
	var all []error
	for name, value := range before.Settings {
		path := filepath.Join("/proc/sys", name)
		if now, _ := os.ReadFile(path); strings.TrimSpace(string(now)) != value {
			all = append(all, os.WriteFile(path, []byte(value), 0o644))
		}
	}
	for _, folder := range before.Folders {
		// One that somebody else has begun to use is not empty and stays.
		_ = os.Remove(folder)
	}
	if exists(noteFile) {
		all = append(all, os.Remove(noteFile))
	}
	return errors.Join(all...)
}

// mark is in the environment of every program of this cluster and of what those start.
func (n Node) mark() string { return "STREAMGATE_NODE=" + n.Dir }

func (n Node) start(spec process.Spec) error {
	spec.Env = append(spec.Env, n.mark())
	return n.group().Start(spec)
}
