//! Roles in pods of their own: how one proves itself to another.

use crate::names;
use crate::roles::Role;

/// Where the operator mounts a role's tokens: one file for each role it may ask, named after it.
/// Each is a projected service-account token for [`audience`].
pub const ROLE_TOKENS_DIR: &str = "/var/run/secrets/streamgate.io/roles";
/// Where the operator mounts the URLs of database and shared store.
pub const URLS_DIR: &str = "/etc/streamgate/urls";
/// File in [`URLS_DIR`] with the URL of the database.
pub const DATABASE_URL: &str = "database";
/// File in [`URLS_DIR`] with the URL of the store that counts limits.
pub const SHARED_STORE_URL: &str = "shared-store";

/// Header in which a role shows its token; `Authorization` is the viewer's.
pub const ROLE_TOKEN: &str = "x-streamgate-role-token";
/// Header in which a role tells the gateway the reason of a refusal, for what it counts and records.
pub const ROLE_REASON: &str = "x-streamgate-role-reason";
/// Where a role says whether it can serve.
pub const READY_PATH: &str = "/internal/v1/roles/ready";
/// Where auth says who a session token belongs to.
pub const IDENTIFY_PATH: &str = "/internal/v1/roles/identify";
/// Where auth decides who may watch what.
pub const ENTITLE_PATH: &str = "/internal/v1/roles/entitle";
/// Where auth says how the endpoints of chains are.
pub const STANDINGS_PATH: &str = "/internal/v1/roles/standings";

/// Roles that run in pods of their own in topology Distributed, in the order they are rolled out:
/// whoever is asked comes before whoever asks.
pub const ROLES: [Role; 8] = [
    Role::Auth,
    Role::Metadata,
    Role::Cache,
    Role::Upload,
    Role::Worker,
    Role::Streaming,
    Role::Monitor,
    Role::Gateway,
];

/// Audience of the tokens that `callee` takes.
pub fn audience(gate_uid: &str, callee: Role) -> String {
    format!("{gate_uid}/{callee}")
}

/// Which role of the gate a service account is that of.
pub fn role_of(gate: &str, account: &str) -> Option<Role> {
    let of = |role: &Role| names::child(gate, *role) == account;
    ROLES.into_iter().find(of)
}

/// Roles that may ask `callee`: the gateway passes requests on, the others have questions of their
/// own.
pub const fn callers(callee: Role) -> &'static [Role] {
    match callee {
        Role::Auth => &[
            Role::Gateway,
            Role::Streaming,
            Role::Upload,
            Role::Metadata,
            Role::Cache,
            Role::Monitor,
            Role::Worker,
        ],
        Role::All | Role::Gateway => &[],
        _ => &[Role::Gateway],
    }
}

/// Roles that `caller` may ask.
pub fn callees(caller: Role) -> impl Iterator<Item = Role> {
    let asked = move |callee: &Role| callers(*callee).contains(&caller);
    ROLES.into_iter().filter(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_that_of_one_role_of_one_gate() {
        for role in ROLES {
            assert_eq!(role_of("demo", &names::child("demo", role)), Some(role));
        }
        for account in [
            "demo-all",
            "demo-dataplane",
            "demo2-auth",
            "auth",
            "default",
        ] {
            assert_eq!(role_of("demo", account), None, "{account}");
        }
    }

    #[test]
    fn who_is_asked_is_rolled_out_before_who_asks() {
        let place = |role| ROLES.into_iter().position(|r| r == role).unwrap();
        for caller in ROLES {
            for callee in callees(caller) {
                assert!(place(callee) < place(caller), "{callee} {caller}");
            }
        }
        assert_eq!(callees(Role::Streaming).collect::<Vec<_>>(), [Role::Auth]);
        assert_eq!(callees(Role::Gateway).count(), 7);
    }
}
