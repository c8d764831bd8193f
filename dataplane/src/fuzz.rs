//! What the parsers that meet the network promise of any bytes, for fuzzers (`make fuzz`) and for the
//! tests, which run them over seeds and changed seeds. A target panics where a promise is broken.

use axum::http::Request;

use crate::services::auth::siwe::Signable;
use crate::services::streaming::http::credential::Credential;
use crate::services::streaming::name::FileName;
use crate::services::streaming::page_name::PageName;
use crate::services::streaming::path::{Place, place};
use crate::services::streaming::range::{Wanted, wanted};
use crate::tokens::fixture::signer;
use crate::tokens::{Session, Viewing};

/// A parser, with inputs to begin from.
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
    /// Inputs that reach far into it.
    pub seeds: &'static [&'static str],
}

/// All of them.
pub static TARGETS: [Target; 5] = [
    Target {
        name: "sign_in_message",
        run: sign_in_message,
        seeds: &[
            "https://gate.example wants you to sign in with your Ethereum account:\n\
             0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\n\nSign in.\n\nURI: https://gate.example\n\
             Version: 1\nChain ID: 1\nNonce: 01234567\nIssued At: 2026-11-24T03:00:00Z\n\
             Expiration Time: 2026-11-24T03:05:00.5+01:00\nNot Before: 2026-11-24T03:00:00Z\n\
             Request ID: 1\nResources:\n- https://gate.example/terms\n- ipfs://bafy",
            "gate.example wants you to sign in with your Solana account:\n\
             4fYNw3dojWmQ4dXtSGE9epjRGy9pFSx62YypT7avPYvA\n\nSign in.\n\nURI: https://gate.example\n\
             Version: 1\nChain ID: mainnet\nNonce: 01234567\nIssued At: 2026-11-24T03:00:00Z",
            "Sign in to StreamGate. This costs nothing and moves nothing.\n\nSite: gate.example\n\
             URI: https://gate.example\nAccount: 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\n\
             Chain ID: 1\nNonce: 01234567\nIssued At: 2026-11-24T03:00:00Z\n\
             Expiration Time: 2026-11-24T03:05:00Z",
            TYPED,
        ],
    },
    Target {
        name: "token",
        run: token,
        seeds: &[
            "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9.e30.AA",
            "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
            "a.b.c",
        ],
    },
    Target {
        name: "range",
        run: range,
        seeds: &[
            "10 bytes=0-1,3-4,-2",
            "1048576 bytes=5-",
            "0 bytes=-0",
            "7 frames=0-1",
        ],
    },
    Target {
        name: "path",
        run: path,
        seeds: &[
            "/v/a.b.c/master.m3u8",
            "/v/a.b.c/v720/000001-0123456789abcdef.m4s",
            "/v/a.b.c/v720/init.mp4",
            "/v/a.b.c/v720.iframes.m3u8",
            "/v/../x",
        ],
    },
    Target {
        name: "query",
        run: query,
        seeds: &["handle=a.b.c", "x=1&handle=a%2eb&handle=c", "handle=&=&&"],
    },
];

/// A sign-in as typed data.
const TYPED: &str = r#"{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},{"name":"chainId","type":"uint256"}],"SignIn":[{"name":"statement","type":"string"},{"name":"site","type":"string"},{"name":"uri","type":"string"},{"name":"account","type":"address"},{"name":"nonce","type":"string"},{"name":"issuedAt","type":"string"},{"name":"expirationTime","type":"string"}]},"primaryType":"SignIn","domain":{"name":"StreamGate","version":"1","chainId":1},"message":{"statement":"Sign in to StreamGate. This costs nothing and moves nothing.","site":"gate.example","uri":"https://gate.example","account":"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266","nonce":"01234567","issuedAt":"2026-11-24T03:00:00Z","expirationTime":"2026-11-24T03:05:00Z"}}"#;

/// A message that is read is written back byte for byte: two texts never mean the same sign-in.
fn sign_in_message(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(signed) = text.parse::<Signable>() {
        assert_eq!(signed.to_string(), text);
    }
}

/// Nothing that our key did not sign is a token, in whichever place.
fn token(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let (issuer, signer) = ("https://gate.example", signer(7));
    let verifier = signer.verifier();
    assert!(verifier.verify::<Session>(issuer, text, 0).is_err());
    assert!(verifier.verify::<Viewing>(issuer, text, 0).is_err());
}

/// What is served lies in the object, is not empty and gives no byte twice.
fn range(bytes: &[u8]) {
    let Some((length, header)) = str::from_utf8(bytes).ok().and_then(|t| t.split_once(' ')) else {
        return;
    };
    let Ok(length) = length.parse() else {
        return;
    };
    let mut parts = match wanted(Some(header), length) {
        Wanted::Whole | Wanted::Nothing => return,
        Wanted::Part(part) => vec![part],
        Wanted::Parts(parts) => parts,
    };
    parts.sort_by_key(|part| part.start);
    let within = |part: &std::ops::Range<u64>| part.start < part.end && part.end <= length;
    assert!(parts.iter().all(within), "{parts:?} of {length}");
    let apart = |two: &[std::ops::Range<u64>]| matches!(two, [a, b] if a.end <= b.start);
    assert!(parts.windows(2).all(apart), "{parts:?} overlap");
}

/// A path names one file, and a file has one name: nothing climbs, nothing is unescaped.
fn path(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let (handle, place) = place(text);
    assert!(!handle.contains('/'));
    match place {
        Place::Page(name) => {
            let read = name.parse::<PageName>();
            assert!(read.is_err() || plain(name), "{name:?} is a page");
        }
        Place::Fragment { track, file } => {
            assert!(!track.contains('/') && !file.contains('/'));
            let read = FileName::parse(file);
            assert!(read.is_err() || plain(file), "{file:?} is a file");
        }
        Place::Nothing => {}
    }
}

/// A name of letters, digits, and a few signs, that goes nowhere else.
fn plain(name: &str) -> bool {
    let sign = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    name.bytes().all(sign) && !name.contains("..")
}

/// A query gives one handle, as it stands there; the path's handle goes before it.
fn query(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let Ok(request) = Request::get(format!("/v/content/master.m3u8?{text}")).body(()) else {
        return;
    };
    let parts = request.into_parts().0;
    if let Credential::Query(handle) = Credential::of("content", &parts) {
        assert!(text.contains(&format!("handle={handle}")));
        assert!(!handle.contains('&') && !handle.contains('#'));
    }
    assert_eq!(Credential::of("a.b.c", &parts), Credential::Path("a.b.c"));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Changes of a seed: where, which byte, and whether it is put there, put between, or taken away.
    fn changed(seed: &str, changes: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
        let mut bytes = seed.as_bytes().to_vec();
        for (place, byte, kind) in changes {
            let at = place.index(bytes.len() + 1);
            match kind {
                0 if at < bytes.len() => bytes[at] = *byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.insert(at, *byte),
            }
        }
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn promises_hold_for_changed_seeds(
            seed in any::<prop::sample::Index>(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..12),
        ) {
            for target in &TARGETS {
                let seed: &&str = seed.get(target.seeds);
                (target.run)(&changed(seed, &changes));
            }
        }

        #[test]
        fn promises_hold_for_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for target in &TARGETS {
                (target.run)(&bytes);
            }
        }
    }
}
