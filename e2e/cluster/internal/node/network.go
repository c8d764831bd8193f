package node

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"
)

// bridge carries the node's address; no interface is ever attached to it.
const bridge = "streamgate"

// masquerade lets pods reach what lies beyond the node, under the node's own address.
const masquerade = `
table ip streamgate {
  chain pods {
    type nat hook postrouting priority srcnat;
    ip saddr %[1]s ip daddr != { %[1]s, %[2]s } masquerade
  }
}
`

func makeNetwork() error {
	if !hasLink(bridge) {
		for _, command := range []string{
			"link add " + bridge + " type bridge",
			"address add " + Address + "/32 dev " + bridge,
			"link set " + bridge + " up",
		} {
			if err := run("", "ip", strings.Fields(command)...); err != nil {
				return err
			}
		}
	}
	return run(fmt.Sprintf(masquerade, podNet, Address), "nft", "-f", "-")
}

// removeNetwork removes the bridge, our rules and kube-proxy's, and waits for the pods' links,
// which the kernel removes some time after the last process of a pod has ended.
func removeNetwork() error {
	for _, table := range []string{"ip streamgate", "ip kube-proxy", "ip6 kube-proxy"} {
		if run("", "nft", append([]string{"list", "table"}, strings.Fields(table)...)...) != nil {
			continue
		}
		if err := run("", "nft", append([]string{"delete", "table"}, strings.Fields(table)...)...); err != nil {
			return err
		}
	}
	if hasLink(bridge) {
		if err := run("", "ip", "link", "delete", bridge); err != nil {
			return err
		}
	}
	return until(20*time.Second, func(context.Context) error {
		if left := podLinks(); len(left) > 0 {
			return fmt.Errorf("links of pods are still there: %s", strings.Join(left, ", "))
		}
		return nil
	})
}

func hasLink(name string) bool {
	_, err := net.InterfaceByName(name)
	return err == nil
}

// podLinks are the host's ends of the pods' links: they carry the gateway address of the pods.
func podLinks() []string {
	_, pods, err := net.ParseCIDR(podNet)
	if err != nil {
		return nil
	}
	links, _ := net.Interfaces()
	var found []string
	for _, link := range links {
		addresses, _ := link.Addrs()
		for _, address := range addresses {
			if ip, ok := address.(*net.IPNet); ok && pods.Contains(ip.IP) {
				found = append(found, link.Name)
			}
		}
	}
	return found
}

// run runs a program and reports what it complained about.
func run(input, program string, args ...string) error {
	command := exec.Command(program, args...)
	command.Stdin = strings.NewReader(input)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(string(output)))
	}
	return nil
}
