//! The CustomResourceDefinitions, generated from the types, and their YAML.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON,
};
use kube::CustomResourceExt;

use crate::{AlertPolicy, StreamGate, TranscodeJob};

/// Every CRD, with the file name of its YAML.
pub fn all() -> [(&'static str, CustomResourceDefinition); 3] {
    [
        ("streamgates.yaml", StreamGate::crd()),
        ("transcodejobs.yaml", TranscodeJob::crd()),
        ("alertpolicies.yaml", AlertPolicy::crd()),
    ]
    .map(|(file, crd)| (file, with_unobserved_status(crd)))
}

/// The YAML of a CRD.
///
/// # Errors
/// When the definition cannot be written as YAML, which a test excludes.
pub fn yaml(crd: &CustomResourceDefinition) -> Result<String, serde_yaml::Error> {
    serde_yaml::to_string(crd)
}

/// The YAML of a CRD as a template of the chart: installed under `crds.enabled`, and kept when the
/// chart is uninstalled under `crds.keep`.
pub fn template(yaml: &str) -> String {
    const KEEP: &str = "metadata:
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
";
    // Only the first `metadata:` at the margin is the definition's own.
    let kept = yaml.replacen("metadata:\n", KEEP, 1);
    format!("{{{{- if .Values.crds.enabled }}}}\n{kept}{{{{- end }}}}\n")
}

/// A new object's status says it was never observed, so kstatus reports InProgress, not Current,
/// before the first pass of a controller.
fn with_unobserved_status(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let status = version
            .schema
            .as_mut()
            .and_then(|s| s.open_api_v3_schema.as_mut())
            .and_then(|s| s.properties.as_mut())
            .and_then(|p| p.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(serde_json::json!({ "observedGeneration": -1 })));
        }
    }
    crd
}
