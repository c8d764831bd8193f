package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Up starts what does not run yet and waits until a pod could be run.
//
// When the control plane runs, only dead programs are started anew and every object stays. When it
// does not, what a killed run left is cleared and a new cluster is made.
func (n Node) Up() error {
	if err := n.possible(); err != nil {
		return err
	}
	if err := n.claimMachine(); err != nil {
		return err
	}
	if n.repairable() {
		return n.repair()
	}
	if n.hasLeftovers() {
		if err := n.step("clear what an earlier run left", n.clear); err != nil {
			return err
		}
	}
	return n.create()
}

// repairable tells whether the control plane runs, or can be made to run with what it had.
func (n Node) repairable() bool {
	return n.group().AnyAlive() && slices.Contains(n.group().Names(), "kube-controller-manager")
}

// A program that waits in vain for another one gives up within so long; the node's condition says
// Ready for much longer.
const proof = 3 * time.Second

// repair starts dead programs with the arguments they had. Some give up while they wait for a
// dead one, so all are looked after until the API server answers and none of them has ended again.
func (n Node) repair() error {
	var all []string
	var last time.Time
	err := n.step("what has ended runs again", func() error {
		return until(90*time.Second, func(context.Context) error {
			revived, err := n.group().Revive()
			if len(revived) > 0 {
				all, last = append(all, revived...), time.Now()
			}
			if time.Since(last) < proof {
				return errors.Join(err, fmt.Errorf("%s began a moment ago", strings.Join(all, ", ")))
			}
			return errors.Join(err, n.plane().Ready())
		})
	})
	if err != nil {
		return err
	}
	if len(all) > 0 {
		fmt.Fprintf(n.Say, "started anew: %s\n", strings.Join(all, ", "))
	}
	// A run that was cut off may have started some programs only.
	if err := n.startMissing(); err != nil {
		return err
	}
	return n.settle()
}

func (n Node) create() error {
	if err := n.step("network and control groups", n.prepareMachine); err != nil {
		return err
	}
	if err := n.step("certificates and configuration", n.configure); err != nil {
		return err
	}
	if err := n.step("store and API server", n.startControlPlane); err != nil {
		return err
	}
	if err := n.startMissing(); err != nil {
		return err
	}
	return n.settle()
}

// startControlPlane starts containerd too, which needs nobody and takes as long.
func (n Node) startControlPlane() error {
	if err := n.start(n.containerd()); err != nil {
		return err
	}
	return n.plane().Launch(n.start)
}

func (n Node) startMissing() error {
	return n.step("programs of the node", func() error {
		if err := n.loadPause(); err != nil {
			return err
		}
		if err := n.apply(); err != nil {
			return err
		}
		for _, spec := range n.programs() {
			if err := n.start(spec); err != nil {
				return err
			}
		}
		return nil
	})
}

func (n Node) settle() error {
	for _, wanted := range []struct {
		what string
		ask  func(context.Context) error
	}{
		{"the node is Ready", n.nodeReady},
		{"names are resolved", n.namesResolve},
		{"services are routed", servicesRouted},
	} {
		if err := n.step(wanted.what, func() error { return n.await(90*time.Second, wanted.ask) }); err != nil {
			return err
		}
	}
	return nil
}
