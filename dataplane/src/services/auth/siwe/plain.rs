//! A sign-in as a plain text, for wallets and libraries that sign texts and nothing else. The text is
//! ours from its first line to its last, so that no other text that somebody signed is a sign-in.
//! Source: EIP-191 (`personal_sign`).

use super::parse::{self, Lines, Malformed, field};
use super::{Message, STATEMENT};

/// Is the text meant to be one?
pub fn is_plain(text: &str) -> bool {
    text.starts_with(STATEMENT)
}

/// The text.
pub fn write(message: &Message) -> String {
    let Message {
        domain,
        account,
        uri,
        nonce,
        ..
    } = message;
    let (address, chain) = (account.address(), account.chain());
    let issued = &message.issued_at.text;
    let ends = message.expiration_time.as_ref();
    let ends = ends.map(|time| time.text.as_str()).unwrap_or_default();
    format!(
        "{STATEMENT}\n\nSite: {domain}\nURI: {uri}\nAccount: {address}\nChain ID: {chain}\n\
         Nonce: {nonce}\nIssued At: {issued}\nExpiration Time: {ends}"
    )
}

/// What the text says.
pub fn read(text: &str) -> Result<Message, Malformed> {
    let mut lines = text.split('\n').peekable();
    if parse::next(&mut lines, "first line")? != STATEMENT {
        return Err(Malformed("first line"));
    }
    parse::empty(&mut lines)?;
    let message = facts(&mut lines)?;
    match lines.next() {
        None => Ok(message),
        Some(_) => Err(Malformed("end")),
    }
}

fn facts(lines: &mut Lines<'_>) -> Result<Message, Malformed> {
    let (scheme, domain) = parse::origin(field(lines, "Site: ", "domain")?)?;
    if scheme.is_some() {
        return Err(Malformed("domain"));
    }
    let uri = parse::uri(field(lines, "URI: ", "URI")?, "URI")?;
    let address = field(lines, "Account: ", "address")?;
    let chain = field(lines, "Chain ID: ", "chain id")?;
    let account = parse::account(false, address, chain)?;
    let nonce = parse::nonce(field(lines, "Nonce: ", "nonce")?)?;
    let mut time = |tag, what| parse::time(field(lines, tag, what)?, what);
    let issued = time("Issued At: ", "issued-at time")?;
    let ends = time("Expiration Time: ", "expiration time")?;
    Ok(Message::ours(domain, account, uri, nonce, issued, ends))
}
