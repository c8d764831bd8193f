package controlplane

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"streamgate.io/e2e/cluster/internal/pki"
)

// Access writes a kubeconfig for the client certificate of that name. It names the files of the
// folder of certificates, so no key is written twice.
func Access(path, server, certificates, client string) error {
	config := api.NewConfig()
	config.Clusters["streamgate"] = &api.Cluster{
		Server:               server,
		CertificateAuthority: pki.Cert(certificates, "ca"),
	}
	config.AuthInfos[client] = &api.AuthInfo{
		ClientCertificate: pki.Cert(certificates, client),
		ClientKey:         pki.Key(certificates, client),
	}
	config.Contexts["streamgate"] = &api.Context{Cluster: "streamgate", AuthInfo: client}
	config.CurrentContext = "streamgate"
	return clientcmd.WriteToFile(*config, path)
}

const (
	// readyz also says that the default objects of RBAC are there.
	readyz = "/readyz"
	// defaultAccount is made by the controllers in every namespace; a pod cannot be made before.
	defaultAccount = "/api/v1/namespaces/default/serviceaccounts/default"
)

// Ready tells whether the API server serves.
func (p Plane) Ready() error { return p.answers(readyz) }

// answers asks for the paths as the administrator.
func (p Plane) answers(paths ...string) error {
	config, err := clientcmd.BuildConfigFromFlags("", p.Kubeconfig())
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, path := range paths {
		if _, err := client.RESTClient().Get().AbsPath(path).DoRaw(ctx); err != nil {
			return fmt.Errorf("ask %s: %w", path, err)
		}
	}
	return nil
}
