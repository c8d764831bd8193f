//! The grammar, by messages of our own.

use super::*;

const FULL: &str = "https://gate.example:8443 wants you to sign in with your Ethereum account:
0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266

Sign in, please: it's free!

URI: https://gate.example:8443/path?x=%20
Version: 1
Chain ID: 31337
Nonce: 0123abcDEF
Issued At: 2026-11-24T04:00:00.123+01:00
Expiration Time: 2026-11-24T03:05:00Z
Not Before: 2026-11-24T03:00:00Z
Request ID: request-1
Resources:
- https://gate.example/terms
- ipfs://bafy";

const SHORT: &str = "gate.example wants you to sign in with your Ethereum account:
0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266


URI: https://gate.example
Version: 1
Chain ID: 1
Nonce: 01234567
Issued At: 2026-11-24T03:00:00Z";

fn refused(text: &str) -> &'static str {
    text.parse::<Message>().unwrap_err().0
}

#[test]
fn every_field_is_read_and_written_back_as_it_was() {
    let message: Message = FULL.parse().unwrap();
    assert_eq!(message.to_string(), FULL);
    assert_eq!(message.scheme.as_deref(), Some("https"));
    assert_eq!(message.domain, "gate.example:8443");
    assert_eq!(message.account.chain(), "31337");
    assert_eq!(message.issued_at.seconds, 1_795_489_200);
    assert_eq!(message.expiration_time.unwrap().seconds, 1_795_489_500);
    assert_eq!(message.resources.len(), 2);
}

#[test]
fn optional_fields_may_be_absent() {
    let message: Message = SHORT.parse().unwrap();
    assert_eq!(message.to_string(), SHORT);
    assert_eq!((message.statement, message.expiration_time), (None, None));
}

#[test]
fn a_time_is_written_in_utc() {
    assert_eq!(
        Time::at(1_795_489_200).unwrap().text,
        "2026-11-24T03:00:00Z"
    );
    assert_eq!(Time::at(i64::MAX), None);
}

#[test]
fn whatever_the_grammar_does_not_allow_is_refused() {
    let cases = [
        (
            "gate.example wants",
            "evil.example@gate.example wants",
            "domain",
        ),
        ("gate.example wants", " wants", "domain"),
        ("gate.example wants", "gate.example/x wants", "domain"),
        ("gate.example wants", "1s://gate.example wants", "scheme"),
        (" wants you to", " wants  you to", "first line"),
        ("0xf39Fd6", "0xf39fd6", "address with EIP-55 checksum"),
        ("0xf39Fd6", "f39Fd6", "address with EIP-55 checksum"),
        ("URI: https://gate.example", "URI: gate", "URI"),
        ("URI: https://gate.example", "URI: https://gate<>", "URI"),
        ("URI: ", "uri: ", "URI"),
        ("Version: 1", "Version: 2", "version"),
        ("Chain ID: 1", "Chain ID: +1", "chain id"),
        ("Chain ID: 1", "Chain ID: ", "chain id"),
        ("Chain ID: 1", "Chain ID: 99999999999999999999", "chain id"),
        ("Nonce: 01234567", "Nonce: 0123456", "nonce"),
        ("Nonce: 01234567", "Nonce: 0123456-", "nonce"),
        (
            "2026-11-24T03:00:00Z",
            "2026-11-24 03:00:00Z",
            "issued-at time",
        ),
        (
            "2026-11-24T03:00:00Z",
            "2026-11-24T03:00:00",
            "issued-at time",
        ),
        (
            "2026-11-24T03:00:00Z",
            "2026-13-24T03:00:00Z",
            "issued-at time",
        ),
        (
            "2026-11-24T03:00:00Z",
            "2026-11-24T03:00:00.Z",
            "issued-at time",
        ),
        (
            "2026-11-24T03:00:00Z",
            "2026-11-24T03:00:00Z[UTC]",
            "issued-at time",
        ),
        ("03:00:00Z", "03:00:00Z\n", "end"),
        (
            "03:00:00Z",
            "03:00:00Z\nNot Before: soon",
            "not-before time",
        ),
        ("03:00:00Z", "03:00:00Z\nRequest ID: a b", "request id"),
        ("03:00:00Z", "03:00:00Z\nResources:\n- no uri", "resource"),
        ("03:00:00Z", "03:00:00Z\nNonce: 89abcdef", "end"),
        ("\n\n\nURI", "\n\nURI", "empty line around the statement"),
        (
            "\n\n\nURI",
            "\n\nHello\nURI",
            "empty line around the statement",
        ),
        ("\n\n\nURI", "\n\nHellö\n\nURI", "statement"),
    ];
    for (from, to, reason) in cases {
        assert!(SHORT.contains(from), "{from}");
        assert_eq!(refused(&SHORT.replacen(from, to, 1)), reason, "{to:?}");
    }
    assert_eq!(refused(&SHORT.replace('\n', "\r\n")), "first line");
    assert_eq!(refused(&format!("{SHORT}{}", " ".repeat(5_000))), "length");
    assert_eq!(refused(""), "first line");
}

#[test]
fn fields_out_of_order_are_refused() {
    let swapped = SHORT.replace("Version: 1\nChain ID: 1", "Chain ID: 1\nVersion: 1");
    assert_eq!(refused(&swapped), "version");
}

/// The facts of [`SHORT`] with an end, in another form.
fn written(form: Form) -> String {
    let mut message: Message = SHORT.parse().unwrap();
    message.statement = Some(STATEMENT.to_owned());
    message.expiration_time = Time::at(1_795_489_500);
    Signable { form, message }.to_string()
}

#[test]
fn forms_are_read_as_they_were_written_and_no_text_is_of_two() {
    for form in [Form::Eip4361, Form::PersonalSign, Form::Eip712] {
        let text = written(form);
        let read: Signable = text.parse().unwrap();
        assert_eq!((read.form, read.to_string()), (form, text));
        assert_eq!(read.message.domain, "gate.example");
        assert_eq!(read.message.issued_at.seconds, 1_795_489_200);
    }
    let solana = SHORT
        .replace("Ethereum", "Solana")
        .replace("Chain ID: 1", "Chain ID: mainnet")
        .replace(
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "4fYNw3dojWmQ4dXtSGE9epjRGy9pFSx62YypT7avPYvA",
        );
    assert_eq!(solana.parse::<Signable>().unwrap().form, Form::Solana);
}

#[test]
fn texts_and_typed_data_that_are_not_as_we_write_them_are_refused() {
    let cases = [
        (
            Form::PersonalSign,
            "nothing.\n\n",
            "nothing. \n\n",
            "first line",
        ),
        (
            Form::PersonalSign,
            "\n\nSite",
            "\nSite",
            "empty line around the statement",
        ),
        (
            Form::PersonalSign,
            "Site: gate",
            "Site: https://gate",
            "domain",
        ),
        (Form::PersonalSign, "Site: gate", "Site: a b", "domain"),
        (Form::PersonalSign, "URI: https://", "URI: ", "URI"),
        (
            Form::PersonalSign,
            "0xf39Fd6",
            "0xf39fd6",
            "address with EIP-55 checksum",
        ),
        (
            Form::PersonalSign,
            "Chain ID: 1",
            "Chain ID: 01",
            "chain id",
        ),
        (
            Form::PersonalSign,
            "Nonce: 01234567",
            "Nonce: 0123456",
            "nonce",
        ),
        (Form::PersonalSign, "03:05:00Z", "soon", "expiration time"),
        (Form::PersonalSign, "03:05:00Z", "03:05:00Z\n", "end"),
        (Form::PersonalSign, "Account: ", "account: ", "address"),
        (Form::Eip712, "SignIn", "SignOut", "types"),
        (Form::Eip712, "\"string\"", "\"bytes\"", "types"),
        (Form::Eip712, "{\"types\"", "{ \"types\"", "types"),
        (Form::Eip712, "\"StreamGate\"", "\"Other\"", "form"),
        (
            Form::Eip712,
            "\"version\":\"1\"",
            "\"version\":\"2\"",
            "form",
        ),
        (
            Form::Eip712,
            "\"chainId\":1",
            "\"chainId\":1.0",
            "typed data",
        ),
        (Form::Eip712, "\"chainId\":1", "\"chainId\": 1", "form"),
        (Form::Eip712, "costs nothing", "costs all", "form"),
        (
            Form::Eip712,
            "\"site\":\"gate",
            "\"site\":\"https://gate",
            "form",
        ),
        (
            Form::Eip712,
            "0xf39Fd6",
            "0xf39fd6",
            "address with EIP-55 checksum",
        ),
        (
            Form::Eip712,
            "\"nonce\":\"",
            "\"more\":1,\"nonce\":\"",
            "typed data",
        ),
        (Form::Eip712, "03:05:00Z", "soon", "expiration time"),
        (Form::Eip712, "\"}}", "\"}} ", "form"),
        (Form::Eip712, "\"}}", "\"}}{}", "typed data"),
    ];
    for (form, from, to, reason) in cases {
        let text = written(form);
        assert!(text.contains(from), "{form:?} {from}");
        let refused = text.replacen(from, to, 1).parse::<Signable>().unwrap_err();
        assert_eq!(refused.0, reason, "{form:?} {to:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic_and_what_parses_is_written_back(text in "\\PC{0,300}", at in 0usize..400) {
        let cut = FULL.char_indices().nth(at).map_or(FULL.len(), |(i, _)| i);
        for text in [text.clone(), format!("{}{text}", &FULL[..cut])] {
            if let Ok(message) = text.parse::<Message>() {
                proptest::prop_assert_eq!(message.to_string(), text);
            }
        }
    }
}
