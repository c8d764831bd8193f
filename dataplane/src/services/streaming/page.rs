//! Playlists and manifests as they go out: made once for all viewers, plain and compressed.

use std::io::Write;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// A playlist or manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The text.
    pub text: Bytes,
    /// The text compressed with gzip (RFC 1952); absent when that failed.
    pub gzip: Option<Bytes>,
    /// Entity tag of the text.
    pub tag: Bytes,
    /// Entity tag of the compressed text, which is a representation of its own.
    pub gzip_tag: Bytes,
}

impl Page {
    fn new(text: String) -> Self {
        let sha256 = hex::encode(Sha256::digest(&text));
        Self {
            gzip: compressed(&text),
            text: text.into(),
            tag: format!("\"{sha256}\"").into(),
            gzip_tag: format!("\"{sha256}-gzip\"").into(),
        }
    }
}

/// Compressed once and sent often, so as small as it gets.
fn compressed(text: &str) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// A page that is made when somebody first asks for it; `None` while there is nothing to show.
#[derive(Debug, Default)]
pub struct Once(OnceLock<Option<Page>>);

impl Once {
    /// The page, made by `text` the first time.
    pub fn get(&self, text: impl FnOnce() -> Option<String>) -> Option<Page> {
        self.0.get_or_init(|| text().map(Page::new)).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_page_is_made_once_and_unpacks_to_its_text() {
        let once = Once::default();
        let page = once.get(|| Some("#EXTM3U\n".repeat(99))).unwrap();
        let again = once.get(|| unreachable!("made already"));
        assert_eq!(again.as_ref(), Some(&page));
        let gzip = page.gzip.unwrap();
        assert!(gzip.len() < page.text.len() / 10);
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&gzip[..])
            .read_to_end(&mut text)
            .unwrap();
        assert_eq!(text, page.text);
    }
}
