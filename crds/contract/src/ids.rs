//! Identifiers as types: a content can never be passed where an upload is meant.
//! All share one alphabet, so that each is safe in a path, an object key and a label value.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text that is no identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{kind} {text:?} is not valid; use 1 to 63 of a-z, 0-9 and '-', starting and ending with a letter or digit"
)]
pub struct InvalidId {
    kind: &'static str,
    text: String,
}

fn valid(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let edge = |b: Option<u8>| b.is_some_and(|b| b != b'-');
    text.len() <= 63
        && text.bytes().all(inner)
        && edge(text.bytes().next())
        && edge(text.bytes().last())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(extend(
            "minLength" = 1,
            "maxLength" = 63,
            "pattern" = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
        ))]
        pub struct $name(pub(crate) String);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_from(text.to_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                if valid(&text) { Ok(Self(text)) } else { Err(InvalidId { kind: $kind, text }) }
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

id!(
    /// A piece of video that viewers know by one name, over all its encodes.
    ContentId, "content id"
);
id!(
    /// A shelf of contents that viewers browse.
    CategoryId, "category id"
);
id!(
    /// One resumable upload.
    UploadId, "upload id"
);
id!(
    /// One encode of a content; switched atomically.
    OutputId, "output id"
);
id!(
    /// Something that is done again and again.
    ScheduleId, "schedule id"
);
id!(
    /// One track of an output, such as `v720`, `a-en-aac`.
    TrackId, "track id"
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn separators_and_upper_case_are_refused() {
        for text in ["", "-a", "a-", "a/b", "..", "A", "a b", &"a".repeat(64)] {
            assert!(text.parse::<ContentId>().is_err(), "{text:?}");
        }
        assert!("v720".parse::<TrackId>().is_ok());
    }

    proptest! {
        #[test]
        fn json_keeps_what_parses_and_refuses_the_rest(text in ".{0,70}") {
            let json = serde_json::to_string(&text).unwrap_or_default();
            prop_assert_eq!(text.parse::<UploadId>().ok(), serde_json::from_str(&json).ok());
        }
    }
}
