//! The reasons of refusals there are: a label of a metric and the field `reason` of a problem.

/// Every reason, in order; the last stands for those that are not listed.
pub const REASONS: [&str; 157] = [
    "AdminRequired",
    "AuditUnavailable",
    "AuthUnreachable",
    "BalanceRequired",
    "BindingRequired",
    "BodyCut",
    "BodyMismatch",
    "BodyTooLarge",
    "BodyTooLong",
    "CacheMiss",
    "CatalogUnavailable",
    "ChainStale",
    "ChainUnavailable",
    "ChainUnsettled",
    "ChainUnwatched",
    "ChecksumMismatch",
    "ClaimRequired",
    "CodeRefused",
    "ConditionRequired",
    "Conflict",
    "CreatorRequired",
    "DelegationRequired",
    "DigestRequired",
    "EmptyUpload",
    "EntitlementUndecided",
    "EpochStale",
    "ForeignMessage",
    "ForeignStreamGate",
    "HandleBound",
    "HandleExpired",
    "HeadTooLarge",
    "IfMatchRequired",
    "InternalError",
    "InvalidAddress",
    "InvalidBody",
    "InvalidChecksum",
    "InvalidCursor",
    "InvalidForm",
    "InvalidHandle",
    "InvalidHeader",
    "InvalidIdToken",
    "InvalidKey",
    "InvalidMetadata",
    "InvalidNamespace",
    "InvalidPieces",
    "InvalidQuery",
    "InvalidReturn",
    "InvalidRoleToken",
    "InvalidSchedule",
    "InvalidSearch",
    "InvalidSession",
    "InvalidSignature",
    "InvalidSilence",
    "InvalidState",
    "InvalidToken",
    "InvalidTtl",
    "JobChanging",
    "JobEnded",
    "JobGone",
    "JobNameTaken",
    "JobNotFailed",
    "JobPublishing",
    "JobRefused",
    "JobsUnavailable",
    "KeyReused",
    "KeysUnavailable",
    "LengthChanged",
    "LengthRequired",
    "MalformedBinding",
    "MalformedBody",
    "MalformedKey",
    "MalformedMessage",
    "MalformedName",
    "MalformedProof",
    "MalformedRequest",
    "MessageOutOfTime",
    "MethodNotAllowed",
    "NamespaceNotAllowed",
    "NoSuchFile",
    "NoSuchNamespace",
    "NoSuchRoute",
    "NonceSpent",
    "NotAJobPod",
    "NotAPiece",
    "NotAssigned",
    "NotDelivered",
    "NotFound",
    "NotJson",
    "NotMedia",
    "NotOffered",
    "NotOnAllowList",
    "NotPlanned",
    "NotPlayable",
    "NotReady",
    "NotYours",
    "ObjectMisfit",
    "OriginNotAllowed",
    "OtherContent",
    "OutputIncomplete",
    "OutsideHandle",
    "Overloaded",
    "OwnerOnly",
    "PreconditionFailed",
    "ProofRequired",
    "ProviderUnavailable",
    "QuorumNotReached",
    "QuotaExceeded",
    "RangeNotSatisfiable",
    "RateLimited",
    "RefreshOver",
    "RequirementsNotMet",
    "Restarting",
    "RoleFailed",
    "RoleNotAllowed",
    "RoleTokenRequired",
    "RoleUnreachable",
    "ScopeRequired",
    "SessionEnded",
    "SessionRequired",
    "SessionsUnavailable",
    "SettingsRefused",
    "SignInDeclined",
    "SignInRequired",
    "SourceNotFound",
    "StoreFull",
    "StoreUnavailable",
    "Timeout",
    "TokenRequired",
    "TooManyCategories",
    "TooManyNamespaces",
    "TooManySchedules",
    "TooManySilences",
    "TooManyStreams",
    "TooManyUploads",
    "UnknownChain",
    "UnknownCluster",
    "UnknownProvider",
    "UnknownRule",
    "UnsupportedMediaType",
    "UnsupportedTusVersion",
    "UploadBusy",
    "UploadComplete",
    "UploadExpired",
    "UploadJoined",
    "UploadNotFound",
    "UploadTakenOver",
    "UploadTooLarge",
    "UrlRefused",
    "ValueTooLarge",
    "VersionChanged",
    "WebhookAnswerInvalid",
    "WebhookNotAllowed",
    "WebhookRefused",
    "WebhookUnavailable",
    "WrongOffset",
    "WrongSigner",
    "other",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn visit(folder: &Path, seen: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, seen);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let text = text.split("#[cfg(test)]").next().unwrap_or_default();
                seen.extend(text.split("Kind::").skip(1).filter_map(reason));
            }
        }
    }

    /// The word in `Kind::NotFound, "NoSuchFile"`, with whatever space between.
    fn reason(behind_kind: &str) -> Option<String> {
        let rest = behind_kind
            .trim_start_matches(char::is_alphanumeric)
            .strip_prefix(',')?;
        let word = rest.trim_start().strip_prefix('"')?.split('"').next()?;
        Some(word.to_owned())
    }

    /// The words that say which kind of rule somebody does not meet.
    fn of_rules() -> Vec<String> {
        let mut words = Vec::new();
        for file in ["requirement.rs", "check.rs"] {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crds/contract/src/rules");
            let text = std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
            let (_, reason) = text.split_once("pub fn reason(").unwrap();
            let (reason, _) = reason.split_once("\n    }\n").unwrap();
            words.extend(reason.split('"').skip(1).step_by(2).map(str::to_owned));
        }
        assert!(words.len() > 5, "{words:?}");
        words
    }

    #[test]
    fn every_reason_in_the_code_has_its_label() {
        let mut seen = Vec::new();
        visit(
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
            &mut seen,
        );
        assert!(seen.len() > 40, "{}", seen.len());
        seen.extend(of_rules());
        for reason in seen
            .iter()
            .filter(|reason| reason.starts_with(char::is_uppercase))
        {
            assert!(
                REASONS.contains(&reason.as_str()),
                "{reason} is not in REASONS"
            );
        }
    }
}
