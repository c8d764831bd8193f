//! A sign-in as typed data, which wallets show field by field. The text is the JSON that
//! `eth_signTypedData_v4` takes; it is read only when it is byte for byte what we write. Source: EIP-712.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{Eip712Domain, SolStruct, sol};
use serde::{Deserialize, Serialize};

use super::parse::{self, Malformed};
use super::{Account, Message, STATEMENT};

/// Name and version of the signing domain.
const NAME: &str = "StreamGate";
const VERSION: &str = "1";
/// Where the text begins: the types, which are always these.
const HEAD: &str = r#"{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},{"name":"chainId","type":"uint256"}],"SignIn":[{"name":"statement","type":"string"},{"name":"site","type":"string"},{"name":"uri","type":"string"},{"name":"account","type":"address"},{"name":"nonce","type":"string"},{"name":"issuedAt","type":"string"},{"name":"expirationTime","type":"string"}]},"primaryType":"SignIn","#;

sol! {
    struct SignIn {
        string statement;
        string site;
        string uri;
        address account;
        string nonce;
        string issuedAt;
        string expirationTime;
    }
}

/// What stands behind the types.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rest {
    domain: Domain,
    message: Fields,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Domain {
    name: String,
    version: String,
    chain_id: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields {
    statement: String,
    site: String,
    uri: String,
    account: String,
    nonce: String,
    issued_at: String,
    expiration_time: String,
}

/// Is the text meant to be one?
pub fn is_typed(text: &str) -> bool {
    text.starts_with('{')
}

/// Address and chain of an account of EVM chains; there are no others in this form.
fn evm(account: &Account) -> (Address, u64) {
    match account {
        Account::Ethereum { address, chain_id } => (*address, *chain_id),
        Account::Solana { .. } => (Address::ZERO, 0),
    }
}

fn fields(message: &Message) -> Fields {
    let ends = message.expiration_time.as_ref();
    Fields {
        statement: STATEMENT.to_owned(),
        site: message.domain.clone(),
        uri: message.uri.clone(),
        account: message.account.address(),
        nonce: message.nonce.clone(),
        issued_at: message.issued_at.text.clone(),
        expiration_time: ends.map(|time| time.text.clone()).unwrap_or_default(),
    }
}

/// The text.
pub fn write(message: &Message) -> String {
    let rest = Rest {
        domain: Domain {
            name: NAME.to_owned(),
            version: VERSION.to_owned(),
            chain_id: evm(&message.account).1,
        },
        message: fields(message),
    };
    // Plain values, which always have a text.
    let rest = serde_json::to_string(&rest).unwrap_or_default();
    format!("{HEAD}{}", rest.trim_start_matches('{'))
}

/// What is signed.
pub fn hash(message: &Message) -> B256 {
    let (account, chain) = evm(&message.account);
    let said = fields(message);
    let signed = SignIn {
        statement: said.statement,
        site: said.site,
        uri: said.uri,
        account,
        nonce: said.nonce,
        issuedAt: said.issued_at,
        expirationTime: said.expiration_time,
    };
    let (name, version) = (Some(NAME.into()), Some(VERSION.into()));
    let domain = Eip712Domain::new(name, version, Some(U256::from(chain)), None, None);
    signed.eip712_signing_hash(&domain)
}

/// What the text says.
pub fn read(text: &str) -> Result<Message, Malformed> {
    let rest = text.strip_prefix(HEAD).ok_or(Malformed("types"))?;
    let rest: Rest =
        serde_json::from_str(&format!("{{{rest}")).map_err(|_| Malformed("typed data"))?;
    let Fields {
        site,
        uri,
        account,
        nonce,
        issued_at,
        expiration_time,
        ..
    } = &rest.message;
    let (_, domain) = parse::origin(site)?;
    let account = parse::account(false, account, &rest.domain.chain_id.to_string())?;
    let (uri, nonce) = (parse::uri(uri, "URI")?, parse::nonce(nonce)?);
    let issued = parse::time(issued_at, "issued-at time")?;
    let ends = parse::time(expiration_time, "expiration time")?;
    let message = Message::ours(domain, account, uri, nonce, issued, ends);
    // Another text for the same facts is none of ours.
    match write(&message) == text {
        true => Ok(message),
        false => Err(Malformed("form")),
    }
}
