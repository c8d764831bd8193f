// Package provision makes volumes out of folders of the node, as a storage driver would.
//
// A claim that the volume controller has handed to this provisioner gets a folder and a
// PersistentVolume; a released volume loses both.
package provision

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// Name is what a StorageClass calls this provisioner.
	Name = "streamgate.io/local"

	handedTo      = "volume.kubernetes.io/storage-provisioner"
	provisionedBy = "pv.kubernetes.io/provisioned-by"
	interval      = 500 * time.Millisecond
)

// Provisioner serves the claims of one cluster with folders below Root.
type Provisioner struct {
	Client kubernetes.Interface
	Root   string
	Say    io.Writer
}

// Run serves until the context ends. It asks again and again instead of watching: a single node
// has few claims, and nothing can be missed.
func (p Provisioner) Run(ctx context.Context) {
	for {
		if err := errors.Join(p.provision(ctx), p.reclaim(ctx)); err != nil {
			fmt.Fprintln(p.Say, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
	}
}

func (p Provisioner) provision(ctx context.Context) error {
	claims, err := p.Client.CoreV1().PersistentVolumeClaims("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var all []error
	for _, claim := range claims.Items {
		if wanted(claim) {
			all = append(all, p.provide(ctx, claim))
		}
	}
	return errors.Join(all...)
}

// wanted tells whether the volume controller waits for us to serve the claim.
func wanted(claim corev1.PersistentVolumeClaim) bool {
	return claim.Annotations[handedTo] == Name && claim.Spec.VolumeName == "" && claim.DeletionTimestamp == nil
}

func (p Provisioner) provide(ctx context.Context, claim corev1.PersistentVolumeClaim) error {
	volume := volumeFor(claim, p.Root)
	folder := volume.Spec.HostPath.Path
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	// No driver applies a pod's fsGroup to a folder of the node, so every user may write.
	if err := os.Chmod(folder, 0o777); err != nil {
		return err
	}
	_, err := p.Client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err == nil {
		fmt.Fprintf(p.Say, "%s is for %s/%s\n", volume.Name, claim.Namespace, claim.Name)
	}
	return err
}

// volumeFor is named after the claim's UID, so a claim is never served twice.
func volumeFor(claim corev1.PersistentVolumeClaim, root string) *corev1.PersistentVolume {
	name := "pvc-" + string(claim.UID)
	kind := corev1.HostPathDirectory
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{provisionedBy: Name}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			AccessModes:                   claim.Spec.AccessModes,
			VolumeMode:                    claim.Spec.VolumeMode,
			StorageClassName:              *claim.Spec.StorageClassName,
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: filepath.Join(root, name), Type: &kind},
			},
			ClaimRef: &corev1.ObjectReference{
				Kind: "PersistentVolumeClaim", APIVersion: "v1",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
		},
	}
}

func (p Provisioner) reclaim(ctx context.Context) error {
	volumes, err := p.Client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var all []error
	for _, volume := range volumes.Items {
		if !over(volume) {
			continue
		}
		// Only the volume's own folder below our root, whatever its object says.
		all = append(all, os.RemoveAll(filepath.Join(p.Root, filepath.Base(volume.Name))))
		err := p.Client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, metav1.DeleteOptions{})
		if !apierrors.IsNotFound(err) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// over tells whether the volume is ours and its claim is gone.
func over(volume corev1.PersistentVolume) bool {
	return volume.Annotations[provisionedBy] == Name &&
		volume.Status.Phase == corev1.VolumeReleased &&
		volume.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete
}
