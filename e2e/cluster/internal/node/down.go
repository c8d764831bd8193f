package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	grace = 10 * time.Second
	// hurry is for programs whose data is thrown away; the API server would wait for its watchers.
	hurry = 2 * time.Second
)

// Down ends the cluster and removes all of it but the logs.
func (n Node) Down() error {
	known, err := readNote()
	if err != nil {
		return err
	}
	if known.Dir != "" && known.Dir != n.Dir {
		return fmt.Errorf("the cluster of this machine is that of %s: `cluster down --dir %s`", known.Dir, known.Dir)
	}
	if !n.hasLeftovers() {
		fmt.Fprintln(n.Say, "no cluster is there")
		return nil
	}
	return n.step("the cluster is removed", n.clear)
}

// hasLeftovers tells whether anything of this cluster is left, running or not.
func (n Node) hasLeftovers() bool {
	known, err := readNote()
	return err != nil || known.Dir == n.Dir || len(n.processes()) > 0 || exists(n.path("run"))
}

// clear ends every process and takes back every change, whatever state things are in.
func (n Node) clear() error {
	// The kubelet would start ended containers anew, and the API server must outlive its clients.
	if err := n.group().Stop("kubelet", grace); err != nil {
		return err
	}
	if err := n.killPods(); err != nil {
		return err
	}
	if err := n.stopPrograms(); err != nil {
		return err
	}
	if err := endAll(n.processes); err != nil {
		return err
	}
	return errors.Join(removeNetwork(), removeControlGroups(), n.removeData(), restore())
}

func (n Node) killPods() error {
	return endAll(podProcesses)
}

func (n Node) stopPrograms() error {
	last := []string{"kube-apiserver", "etcd"}
	var all []error
	var lock sync.Mutex
	var group sync.WaitGroup
	for _, name := range n.group().Names() {
		if slices.Contains(last, name) {
			continue
		}
		group.Go(func() {
			err := n.group().Stop(name, hurry)
			lock.Lock()
			defer lock.Unlock()
			all = append(all, err)
		})
	}
	group.Wait()
	for _, name := range last {
		all = append(all, n.group().Stop(name, hurry))
	}
	return errors.Join(all...)
}

// endAll kills what is found until nothing is found any more.
func endAll(find func() []int) error {
	return until(grace, func(context.Context) error {
		found := find()
		for _, pid := range found {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(found) > 0 {
			return fmt.Errorf("processes do not end, even when killed: %v", found)
		}
		return nil
	})
}

// processes are all that carry the mark of this cluster, the shims of containerd among them.
func (n Node) processes() []int {
	entries, _ := filepath.Glob("/proc/[0-9]*/environ")
	var found []int
	for _, entry := range entries {
		environment, _ := os.ReadFile(entry)
		if !slices.ContainsFunc(bytes.Split(environment, []byte{0}), n.isMark) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(entry)))
		if err == nil && pid != os.Getpid() {
			found = append(found, pid)
		}
	}
	return found
}

func (n Node) isMark(variable []byte) bool { return string(variable) == n.mark() }

func (n Node) shims() []int {
	return slices.DeleteFunc(n.processes(), func(pid int) bool {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		return !bytes.HasPrefix(name, []byte("containerd-shim"))
	})
}

// removeData removes everything of the folder but the logs.
func (n Node) removeData() error {
	entries, err := os.ReadDir(n.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	all := []error{err}
	for _, entry := range entries {
		if entry.Name() != "log" {
			all = append(all, os.RemoveAll(n.path(entry.Name())))
		}
	}
	return errors.Join(all...)
}
