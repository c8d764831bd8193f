//! A browser for tests, as far as sign-in at a provider needs one.

use std::collections::BTreeMap;

use reqwest::{Client, Response, Url, redirect};

/// Cookies by host and name, and the requests that carry them.
pub struct Browser {
    client: Client,
    /// Its cookies.
    pub cookies: BTreeMap<(String, String), String>,
}

impl Browser {
    /// One without cookies.
    pub fn start() -> Self {
        let client = Client::builder().redirect(redirect::Policy::none());
        Self {
            client: client.build().unwrap(),
            cookies: BTreeMap::new(),
        }
    }

    /// Asks with the cookies of the place and keeps those it sets.
    pub async fn get(&mut self, url: &Url) -> Response {
        let place = url.authority().to_owned();
        let mine = self.cookies.iter().filter(|((at, _), _)| *at == place);
        let cookies: Vec<String> = mine
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        let request = self
            .client
            .get(url.clone())
            .header("cookie", cookies.join("; "));
        let response = request.send().await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies
                .insert((place.clone(), name.into()), value.into());
        }
        response
    }

    /// Follows redirects until one leads to `end`, which is not followed; where that leads.
    pub async fn until(&mut self, mut url: Url, end: &str) -> Url {
        for _ in 0..12 {
            if url.path().ends_with(end) {
                return url;
            }
            let response = self.get(&url).await;
            let location = response.headers().get("location");
            let location = location.unwrap_or_else(|| panic!("{url}: {}", response.status()));
            url = url.join(location.to_str().unwrap()).unwrap();
        }
        panic!("too many redirects");
    }
}
