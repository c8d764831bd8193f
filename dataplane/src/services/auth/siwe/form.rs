//! The forms in which a wallet signs the facts of a sign-in: one contract, several texts. No text is of
//! two forms, and each is written back byte for byte from what was read of it.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::{B256, eip191_hash_message};
use serde::{Deserialize, Serialize};

use super::{Account, Malformed, Message, parse, plain, typed};

/// How a wallet signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = SignType)]
pub enum Form {
    /// `personal_sign` of a message of EIP-4361, which wallets show as a sign-in.
    #[serde(rename = "eip4361")]
    Eip4361,
    /// `personal_sign` of a plain text (EIP-191).
    #[serde(rename = "personal_sign")]
    PersonalSign,
    /// `eth_signTypedData_v4` (EIP-712).
    #[serde(rename = "eip712")]
    Eip712,
    /// `signMessage` of a wallet of Solana (Ed25519).
    #[serde(rename = "solana")]
    Solana,
}

impl Form {
    /// The form of an account that asks for none.
    pub const fn usual(account: &Account) -> Self {
        match account {
            Account::Ethereum { .. } => Self::Eip4361,
            Account::Solana { .. } => Self::Solana,
        }
    }

    /// Can this account sign so?
    pub const fn fits(self, account: &Account) -> bool {
        matches!(
            (self, account),
            (Self::Solana, Account::Solana { .. })
                | (
                    Self::Eip4361 | Self::PersonalSign | Self::Eip712,
                    Account::Ethereum { .. }
                )
        )
    }
}

/// A sign-in message in its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signable {
    /// The form.
    pub form: Form,
    /// What it says.
    pub message: Message,
}

impl Signable {
    /// What a wallet of an EVM chain signs. Source: EIP-191 (versions `E` and 1), EIP-712.
    pub fn hash(&self) -> B256 {
        match self.form {
            Form::Eip712 => typed::hash(&self.message),
            _ => eip191_hash_message(self.to_string()),
        }
    }
}

impl FromStr for Signable {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.len() > parse::MAX_BYTES {
            return Err(Malformed("length"));
        }
        let (form, message) = if typed::is_typed(text) {
            (Form::Eip712, typed::read(text)?)
        } else if plain::is_plain(text) {
            (Form::PersonalSign, plain::read(text)?)
        } else {
            let message: Message = text.parse()?;
            (Form::usual(&message.account), message)
        };
        Ok(Self { form, message })
    }
}

impl fmt::Display for Signable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.form {
            Form::Eip4361 | Form::Solana => self.message.fmt(f),
            Form::PersonalSign => f.write_str(&plain::write(&self.message)),
            Form::Eip712 => f.write_str(&typed::write(&self.message)),
        }
    }
}
