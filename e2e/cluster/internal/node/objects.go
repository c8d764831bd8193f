package node

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"streamgate.io/e2e/cluster/internal/provision"
)

// apply makes the objects that every usual cluster has: names for Services and a default storage.
func (n Node) apply() error {
	client, err := n.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var options metav1.CreateOptions
	var all []error
	made := func(_ any, err error) {
		if !apierrors.IsAlreadyExists(err) {
			all = append(all, err)
		}
	}
	services := client.CoreV1().Services(metav1.NamespaceSystem)
	// A second one is refused for its address, not for its name.
	if _, err := services.Get(ctx, dnsService().Name, metav1.GetOptions{}); apierrors.IsNotFound(err) {
		made(services.Create(ctx, dnsService(), options))
	}
	made(client.DiscoveryV1().EndpointSlices(metav1.NamespaceSystem).Create(ctx, dnsEndpoints(), options))
	made(client.StorageV1().StorageClasses().Create(ctx, storageClass(), options))
	made(client.RbacV1().ClusterRoles().Create(ctx, dnsRole(), options))
	made(client.RbacV1().ClusterRoleBindings().Create(ctx, bind("coredns", "streamgate:coredns"), options))
	made(client.RbacV1().ClusterRoleBindings().Create(ctx, bind("provisioner", "system:persistent-volume-provisioner"), options))
	return errors.Join(all...)
}

// dnsService has no selector: CoreDNS runs beside the kubelet, not in a pod.
func dnsService() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "kube-dns", Labels: map[string]string{"k8s-app": "kube-dns"}},
		Spec: corev1.ServiceSpec{
			ClusterIP: dnsIP,
			Ports: []corev1.ServicePort{
				{Name: "dns", Protocol: corev1.ProtocolUDP, Port: 53, TargetPort: intstr.FromInt32(dnsPort)},
				{Name: "dns-tcp", Protocol: corev1.ProtocolTCP, Port: 53, TargetPort: intstr.FromInt32(dnsPort)},
			},
		},
	}
}

func dnsEndpoints() *discoveryv1.EndpointSlice {
	ready, port := true, int32(dnsPort)
	udp, tcp := corev1.ProtocolUDP, corev1.ProtocolTCP
	dns, dnsTCP := "dns", "dns-tcp"
	return &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: "kube-dns", Labels: map[string]string{discoveryv1.LabelServiceName: "kube-dns"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{Address}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
		Ports: []discoveryv1.EndpointPort{
			{Name: &dns, Protocol: &udp, Port: &port},
			{Name: &dnsTCP, Protocol: &tcp, Port: &port},
		},
	}
}

func dnsRole() *rbacv1.ClusterRole {
	read := []string{"list", "watch"}
	return &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "streamgate:coredns"},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"services", "namespaces", "pods"}, Verbs: read},
			{APIGroups: []string{discoveryv1.GroupName}, Resources: []string{"endpointslices"}, Verbs: read},
		},
	}
}

func storageClass() *storagev1.StorageClass {
	return &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{
			Name:        "local",
			Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		Provisioner: provision.Name,
	}
}

// bind gives a role to the client certificate streamgate:NAME.
func bind(name, role string) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "streamgate:" + name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "streamgate:" + name}},
	}
}
