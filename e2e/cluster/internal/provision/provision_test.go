package provision

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func claim() corev1.PersistentVolumeClaim {
	class := "local"
	return corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "b", UID: "u", Annotations: map[string]string{handedTo: Name}},
		Spec:       corev1.PersistentVolumeClaimSpec{StorageClassName: &class},
	}
}

func TestOnlyAnUnboundClaimHandedToUsIsServed(t *testing.T) {
	if !wanted(claim()) {
		t.Error("a claim handed to us was passed over")
	}
	foreign, bound := claim(), claim()
	foreign.Annotations[handedTo] = "other"
	bound.Spec.VolumeName = "pvc-u"
	if wanted(foreign) || wanted(bound) {
		t.Error("a claim of another provisioner, or one that is bound, was taken")
	}
}

func TestVolumeIsBoundToItsClaimAndLiesBelowTheRoot(t *testing.T) {
	volume := volumeFor(claim(), "/root")
	if volume.Spec.ClaimRef.UID != "u" || volume.Spec.HostPath.Path != "/root/pvc-u" {
		t.Errorf("got %+v", volume.Spec)
	}
}

func TestOnlyAReleasedVolumeOfOursIsRemoved(t *testing.T) {
	volume := volumeFor(claim(), "/root")
	volume.Status.Phase = corev1.VolumeReleased
	if !over(*volume) {
		t.Error("a released volume stays")
	}
	kept, bound := volume.DeepCopy(), volume.DeepCopy()
	kept.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimRetain
	bound.Status.Phase = corev1.VolumeBound
	if over(*kept) || over(*bound) {
		t.Error("a volume that is in use or to be kept would be removed")
	}
}
