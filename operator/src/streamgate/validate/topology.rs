//! What topology, database and shared store ask of each other. The schema says it, too; an object from
//! before it did is held here.

use streamgate_crds::StreamGateSpec;
use streamgate_crds::stream_gate::Topology;

use super::{Problems, is_subdomain};

/// Finds what does not fit.
pub fn check(spec: &StreamGateSpec, problems: &mut Problems) {
    let apart = spec.topology == Topology::Distributed;
    problems.unless(
        !apart || (spec.storage.s3.is_some() && spec.database.postgres.is_some()),
        "spec.topology",
        "Distributed needs storage.s3 and database.postgres, which pods can share: set both, or use Compact",
    );
    let name = "must be the name of a Secret: lower-case letters, digits, '.' and '-'";
    let postgres = spec.database.postgres.as_ref();
    problems.unless(
        postgres.is_none_or(|postgres| is_subdomain(&postgres.secret_name)),
        "spec.database.postgres.secretName",
        name,
    );
    let store = spec.limits.shared_store.as_ref();
    problems.unless(
        store.is_none_or(|store| is_subdomain(&store.secret_name)),
        "spec.limits.sharedStore.secretName",
        name,
    );
}
