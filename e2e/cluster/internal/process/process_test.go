package process

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func group(t *testing.T) Group {
	dir := t.TempDir()
	return Group{Records: filepath.Join(dir, "run"), Logs: filepath.Join(dir, "logs")}
}

func TestStartedProgramIsFoundStoppedAndForgotten(t *testing.T) {
	g := group(t)
	if err := g.Start(Spec{Name: "sleeper", Args: []string{"sleep", "60"}}); err != nil {
		t.Fatal(err)
	}
	if !g.Alive("sleeper") || !g.AnyAlive() {
		t.Fatal("a started program is not seen as running")
	}
	if err := g.Stop("sleeper", time.Second); err != nil {
		t.Fatal(err)
	}
	if g.AnyAlive() || len(g.Names()) != 0 {
		t.Fatalf("a stopped program left a record: %v", g.Names())
	}
}

func TestProgramThatIgnoresPolitenessIsKilled(t *testing.T) {
	g := group(t)
	if err := g.Start(Spec{Name: "deaf", Args: []string{"sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"}}); err != nil {
		t.Fatal(err)
	}
	for log := ""; !strings.Contains(log, "up"); time.Sleep(10 * time.Millisecond) {
		content, _ := os.ReadFile(g.Log("deaf"))
		log = string(content)
	}
	if err := g.Stop("deaf", 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
}

func TestRecycledPidIsNotOurs(t *testing.T) {
	g := group(t)
	if err := os.MkdirAll(g.Records, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := g.remember(Spec{Name: "other"}, os.Getpid()); err != nil {
		t.Fatal(err)
	}
	known, _ := g.recall("other")
	known.Started = "1"
	if known.alive() {
		t.Fatal("a process with another start time was taken for ours")
	}
}

func TestRestartKeepsTheArguments(t *testing.T) {
	g := group(t)
	if err := g.Start(Spec{Name: "sleeper", Args: []string{"sleep", "61"}}); err != nil {
		t.Fatal(err)
	}
	before, _ := g.recall("sleeper")
	if err := g.Restart("sleeper", syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	defer g.Stop("sleeper", time.Second)
	after, _ := g.recall("sleeper")
	if before.PID == after.PID || after.Spec.Args[1] != "61" {
		t.Fatalf("restart gave %+v after %+v", after, before)
	}
}

func TestOnlyAProgramThatHasEndedIsRevived(t *testing.T) {
	g := group(t)
	for _, name := range []string{"killed", "untouched"} {
		if err := g.Start(Spec{Name: name, Args: []string{"sleep", "62"}}); err != nil {
			t.Fatal(err)
		}
		defer g.Stop(name, time.Second)
	}
	kept, killed := g.PID("untouched"), g.PID("killed")
	_ = syscall.Kill(killed, syscall.SIGKILL)
	for g.PID("killed") != 0 {
		time.Sleep(10 * time.Millisecond)
	}
	revived, err := g.Revive()
	if err != nil || len(revived) != 1 || revived[0] != "killed" {
		t.Fatalf("revived %v: %v", revived, err)
	}
	if g.PID("untouched") != kept || g.PID("killed") == 0 {
		t.Fatal("the wrong program was started anew")
	}
}
