//! Values as types: what comes from outside is one of these before anything else sees it, so that a
//! value in the product is a valid one. Each type parses itself (`FromStr`) and says in its error what
//! was wrong and what to write; through `serde` a body or a query is checked as it is read.
//! Identifiers of our own are in `streamgate_contract::ids`.

pub mod address;
pub mod bounded;
pub mod email;
pub mod hash;
pub mod line;
pub mod url;

pub use address::SolanaAddress;
pub use bounded::Bounded;
pub use email::Email;
pub use hash::Sha256Hex;
pub use line::{Line, Text};
pub use url::PublicUrl;

/// Gives a type that parses from text the same check in `serde`.
macro_rules! through_text {
    ($name:ident, $error:ty) => {
        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    };
}
use through_text;
