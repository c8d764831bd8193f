//! Which wallet signed a message: a key, or a contract that says so itself.
//!
//! The order is that of EIP-6492: a wrapped signature first; then, if there is code at the address,
//! the contract is asked (EIP-1271); then the key, if there is no code or the account only lets a
//! contract act for it (EIP-7702). A signature that is none of a key never stops the question to the
//! contract.

use alloy_primitives::{Address, B256};

use super::Auth;
use super::error::AuthError;
use super::siwe::{Account, Signable};
use super::verify;
use crate::ports::chain::{Code, Signed, Wallet};

impl Auth {
    /// The wallet that signed `text`, when it is the one the message names.
    pub(super) async fn signer(
        &self,
        signed: &Signable,
        text: &str,
        signature: &str,
    ) -> Result<Wallet, AuthError> {
        match &signed.message.account {
            Account::Solana { key, .. } => {
                verify::by_solana_key(key, text, signature).map(|()| Wallet::Solana(*key))
            }
            Account::Ethereum { address, chain_id } => {
                let signature = verify::signature(signature)?;
                self.ethereum_signer(*address, *chain_id, signed.hash(), &signature)
                    .await
            }
        }
    }

    async fn ethereum_signer(
        &self,
        account: Address,
        chain: u64,
        hash: B256,
        signature: &[u8],
    ) -> Result<Wallet, AuthError> {
        let by_key = || verify::by_key(account, hash, signature);
        let address = account.into_array();
        let (key, contract) = (Wallet::of_key(address), Wallet::of_contract(address, chain));
        if let Some(wrapped) = verify::unwrap(signature) {
            let (factory, prepare, inner) = wrapped?;
            let deployed_by = Some((factory.into_array(), prepare.as_ref()));
            let signed = signed(address, hash, &inner, deployed_by);
            return self.says_so(chain, signed).await.map(|()| contract);
        }
        if !self.asks_chains {
            return by_key().map(|()| key);
        }
        let code = self.chain.code(chain, address).await;
        let (code, block) = code.map_err(AuthError::Undecided)?;
        if code == Code::None {
            return by_key().map(|()| key);
        }
        let signed = signed(address, hash, signature, None);
        let said = self.chain.signed(chain, block, signed).await;
        match (said.map_err(AuthError::Undecided)?, code) {
            (true, Code::Contract) => Ok(contract),
            // What the key itself signed is good on every chain, whoever else says yes to it.
            (true, _) => Ok(by_key().map_or(contract, |()| key)),
            (false, Code::Delegated) => by_key().map(|()| key),
            (false, _) => Err(AuthError::WrongSigner),
        }
    }

    /// Asks a wallet that may have to be deployed first.
    async fn says_so(&self, chain: u64, signed: Signed<'_>) -> Result<(), AuthError> {
        if !self.asks_chains {
            let what = "is of a contract wallet, and this gate has no chain to ask it";
            return Err(AuthError::InvalidSignature(what));
        }
        let pinned = self.chain.code(chain, signed.wallet).await;
        let (_, block) = pinned.map_err(AuthError::Undecided)?;
        let said = self.chain.signed(chain, block, signed).await;
        match said.map_err(AuthError::Undecided)? {
            true => Ok(()),
            false => Err(AuthError::WrongSigner),
        }
    }
}

fn signed<'a>(
    wallet: [u8; 20],
    hash: B256,
    signature: &'a [u8],
    deployed_by: Option<([u8; 20], &'a [u8])>,
) -> Signed<'a> {
    Signed {
        wallet,
        hash: hash.0,
        signature,
        deployed_by,
    }
}
