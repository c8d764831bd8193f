// Package process starts the cluster's programs and finds them again later.
//
// Every program runs in a session of its own, so it outlives the command that
// started it, and leaves a record with its pid and start time. Only a process
// that matches both is ever signalled: a recycled pid belongs to someone else.
package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Spec says how a program is started; the same spec restarts it.
type Spec struct {
	Name string   `json:"name"`
	Args []string `json:"args"`
	Env  []string `json:"env,omitempty"`
}

// Group is a folder that holds the records and the logs of related programs.
type Group struct {
	Records string
	Logs    string
}

type record struct {
	Spec    Spec   `json:"spec"`
	PID     int    `json:"pid"`
	Started string `json:"started"`
}

// Start runs the program unless it already runs.
func (g Group) Start(spec Spec) error {
	if g.Alive(spec.Name) {
		return nil
	}
	if err := errors.Join(os.MkdirAll(g.Records, 0o755), os.MkdirAll(g.Logs, 0o755)); err != nil {
		return err
	}
	log, err := os.OpenFile(g.Log(spec.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(spec.Args[0], spec.Args[1:]...)
	command.Env = append(os.Environ(), spec.Env...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", spec.Name, err)
	}
	// Collects the exit status, so that a program that dies at once is not seen as running.
	go func() { _ = command.Wait() }()
	return g.remember(spec, command.Process.Pid)
}

// Log is the file that a program's output goes to.
func (g Group) Log(name string) string {
	return filepath.Join(g.Logs, name+".log")
}

// Alive tells whether the recorded process still runs.
func (g Group) Alive(name string) bool {
	known, err := g.recall(name)
	return err == nil && known.alive()
}

// AnyAlive tells whether at least one recorded process still runs.
func (g Group) AnyAlive() bool {
	for _, name := range g.Names() {
		if g.Alive(name) {
			return true
		}
	}
	return false
}

// Revive starts every program anew whose process has ended, and returns their names.
func (g Group) Revive() ([]string, error) {
	var revived []string
	for _, name := range g.Names() {
		known, err := g.recall(name)
		if err != nil {
			return revived, err
		}
		if known.alive() {
			continue
		}
		if err := g.Start(known.Spec); err != nil {
			return revived, err
		}
		revived = append(revived, name)
	}
	return revived, nil
}

// Ended names a program that was started and runs no more, with the end of what it said.
func (g Group) Ended() error {
	for _, name := range g.Names() {
		if !g.Alive(name) {
			return fmt.Errorf("%s has ended: %s", name, tail(g.Log(name)))
		}
	}
	return nil
}

func tail(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// PID is the process of a program that runs, or 0.
func (g Group) PID(name string) int {
	known, err := g.recall(name)
	if err != nil || !known.alive() {
		return 0
	}
	return known.PID
}

// Names lists the programs that have a record, running or not.
func (g Group) Names() []string {
	files, _ := filepath.Glob(filepath.Join(g.Records, "*.json"))
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	return names
}

// Stop ends one program: politely first, by force when the grace time is over.
func (g Group) Stop(name string, grace time.Duration) error {
	known, err := g.recall(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	known.signal(syscall.SIGTERM)
	if !known.gone(grace) {
		known.signal(syscall.SIGKILL)
		if !known.gone(5 * time.Second) {
			return fmt.Errorf("%s (pid %d) does not end, even when killed: see whether it hangs in the kernel", name, known.PID)
		}
	}
	return os.Remove(g.file(name))
}

// Restart ends a program with the given signal and starts it again from its record.
func (g Group) Restart(name string, signal syscall.Signal) error {
	known, err := g.recall(name)
	if err != nil {
		return fmt.Errorf("%s was never started here, known are %s: %w", name, strings.Join(g.Names(), ", "), err)
	}
	known.signal(signal)
	if !known.gone(30 * time.Second) {
		return fmt.Errorf("%s (pid %d) ignores the signal %s: try KILL", name, known.PID, signal)
	}
	return g.Start(known.Spec)
}

func (g Group) file(name string) string {
	return filepath.Join(g.Records, name+".json")
}

func (g Group) remember(spec Spec, pid int) error {
	started, _ := startTime(pid)
	content, err := json.MarshalIndent(record{spec, pid, started}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(g.file(spec.Name), content, 0o600)
}

func (g Group) recall(name string) (record, error) {
	var known record
	content, err := os.ReadFile(g.file(name))
	if err != nil {
		return known, err
	}
	return known, json.Unmarshal(content, &known)
}

func (r record) alive() bool {
	started, running := startTime(r.PID)
	return running && started == r.Started
}

func (r record) signal(signal syscall.Signal) {
	if r.alive() {
		_ = syscall.Kill(r.PID, signal)
	}
}

func (r record) gone(within time.Duration) bool {
	deadline := time.Now().Add(within)
	for r.alive() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
	return true
}

// startTime reads field 22 of /proc/PID/stat; a zombie counts as ended.
func startTime(pid int) (string, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false
	}
	// The name in parentheses may hold blanks: count from behind it.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" {
		return "", false
	}
	return fields[19], true
}
