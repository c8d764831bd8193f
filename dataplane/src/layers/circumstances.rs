//! Where a request comes from, as far as a playback handle may be bound to it.

use axum::http::{Extensions, HeaderMap, HeaderName, header};
use sha2::{Digest, Sha256};
use streamgate_contract::playback::{Binding, PlaybackSettings};

use super::client_address::Peer;
use super::limit::network;
use crate::tokens::Circumstances;

/// Digits of a device's hash.
const DIGITS: usize = 16;

/// What a handle is bound to, and the header that a trusted proxy names the country in.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    to: Vec<Binding>,
    country: Option<HeaderName>,
}

impl Bindings {
    /// As the gate is configured; a header that cannot be one is none.
    pub fn new(settings: &PlaybackSettings) -> Self {
        let country = settings.country_header.as_deref();
        Self {
            to: settings.bind.clone(),
            country: country.and_then(|name| name.parse().ok()),
        }
    }

    /// What a new handle is bound to; `None` when to nothing. What is not told binds to nothing that
    /// anybody could be, so that a handle is not bound to less than was asked for.
    pub fn bound(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<Circumstances> {
        let all = self.here(headers, extensions);
        let told = |binding, value: Option<String>| {
            self.to
                .contains(&binding)
                .then(|| value.unwrap_or_default())
        };
        (!self.to.is_empty()).then(|| Circumstances {
            address: told(Binding::Address, all.address),
            device: told(Binding::Device, all.device),
            country: told(Binding::Country, all.country),
            origin: told(Binding::Origin, all.origin),
        })
    }

    /// Where a request comes from.
    pub fn here(&self, headers: &HeaderMap, extensions: &Extensions) -> Circumstances {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let peer = extensions.get::<Peer>();
        // Only a trusted proxy makes the client another than the other end of the connection.
        let proxied = peer.is_some_and(|p| p.socket.ip().to_canonical() != p.client);
        let country = self.country.as_ref().filter(|_| proxied).and_then(text);
        let device = text(&header::USER_AGENT).map(Sha256::digest);
        Circumstances {
            address: peer.map(|peer| network(peer.client)),
            device: device.map(|hash| hex::encode(hash)[..DIGITS].to_owned()),
            country: country.map(str::to_ascii_uppercase),
            origin: text(&header::ORIGIN)
                .or_else(|| text(&header::REFERER))
                .and_then(origin),
        }
    }
}

/// Scheme and authority of a URL.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    Some(format!("{scheme}://{authority}").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn request(address: &str, headers: &[(&'static str, &'static str)]) -> (HeaderMap, Extensions) {
        let mut extensions = Extensions::new();
        let mut peer = Peer::new("10.0.0.1:9".parse().unwrap());
        peer.client = address.parse().unwrap();
        extensions.insert(peer);
        let pair = |&(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        (headers.iter().map(pair).collect(), extensions)
    }

    #[test]
    fn a_handle_is_bound_to_what_the_gate_says_and_to_nothing_else() {
        let all = [
            Binding::Address,
            Binding::Device,
            Binding::Country,
            Binding::Origin,
        ];
        let told = [
            ("user-agent", "Player/1"),
            ("cf-ipcountry", "ch"),
            ("origin", "https://watch.example"),
        ];
        let settings = |bind: &[Binding]| PlaybackSettings {
            bind: bind.to_vec(),
            country_header: Some("cf-ipcountry".to_owned()),
            ..PlaybackSettings::default()
        };
        let (headers, extensions) = request("2001:db8::1", &told);
        assert!(Bindings::default().bound(&headers, &extensions).is_none());
        let bindings = Bindings::new(&settings(&all));
        let bound = bindings.bound(&headers, &extensions).unwrap();
        assert_eq!(bound.country.as_deref(), Some("CH"));
        for (address, changed, differs) in [
            ("2001:db8::2", told, None),
            ("2001:db8:1::1", told, Some("address")),
            (
                "2001:db8::1",
                [told[0], ("cf-ipcountry", "AT"), told[2]],
                Some("country"),
            ),
            (
                "2001:db8::1",
                [("user-agent", "Other"), told[1], told[2]],
                Some("device"),
            ),
            (
                "2001:db8::1",
                [told[0], told[1], ("origin", "null")],
                Some("page"),
            ),
            (
                "2001:db8::1",
                [told[0], told[1], ("referer", "https://watch.example/a?b")],
                None,
            ),
        ] {
            let (headers, extensions) = request(address, &changed);
            let here = bindings.here(&headers, &extensions);
            assert_eq!(bound.differs(&here), differs, "{address} {changed:?}");
        }
        // Who is not behind a trusted proxy says nothing of countries.
        let (headers, extensions) = request("10.0.0.1", &told);
        assert_eq!(bindings.here(&headers, &extensions).country, None);
        // Bound to a page that nobody told: nothing fits.
        let (headers, extensions) = request("2001:db8::1", &[]);
        let nowhere = Bindings::new(&settings(&[Binding::Origin])).bound(&headers, &extensions);
        let here = bindings.here(&headers, &extensions);
        assert_eq!(nowhere.unwrap().differs(&here), Some("page"));
    }
}
