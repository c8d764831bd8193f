//! Languages: containers say ISO 639-2 codes, playlists want the shortest tag (BCP 47, RFC 5646
//! section 2.2.1). The codes of ISO 639-2 that have one of two letters and are met in media.

const SHORT: &[(&str, &str)] = &[
    ("ara", "ar"),
    ("bel", "be"),
    ("ben", "bn"),
    ("bul", "bg"),
    ("cat", "ca"),
    ("ces", "cs"),
    ("chi", "zh"),
    ("cze", "cs"),
    ("dan", "da"),
    ("deu", "de"),
    ("dut", "nl"),
    ("ell", "el"),
    ("eng", "en"),
    ("est", "et"),
    ("eus", "eu"),
    ("fas", "fa"),
    ("fin", "fi"),
    ("fra", "fr"),
    ("fre", "fr"),
    ("ger", "de"),
    ("glg", "gl"),
    ("gre", "el"),
    ("heb", "he"),
    ("hin", "hi"),
    ("hrv", "hr"),
    ("hun", "hu"),
    ("ice", "is"),
    ("ind", "id"),
    ("isl", "is"),
    ("ita", "it"),
    ("jpn", "ja"),
    ("kor", "ko"),
    ("lav", "lv"),
    ("lit", "lt"),
    ("may", "ms"),
    ("msa", "ms"),
    ("nld", "nl"),
    ("nob", "nb"),
    ("nor", "no"),
    ("per", "fa"),
    ("pol", "pl"),
    ("por", "pt"),
    ("ron", "ro"),
    ("rum", "ro"),
    ("rus", "ru"),
    ("slk", "sk"),
    ("slo", "sk"),
    ("slv", "sl"),
    ("spa", "es"),
    ("srp", "sr"),
    ("swe", "sv"),
    ("tam", "ta"),
    ("tel", "te"),
    ("tha", "th"),
    ("tur", "tr"),
    ("ukr", "uk"),
    ("urd", "ur"),
    ("vie", "vi"),
    ("zho", "zh"),
];

/// The shortest tag of what a container says; `und` for free text.
pub fn bcp47(said: &str) -> String {
    let plain = (2..=8).contains(&said.len()) && said.bytes().all(|b| b.is_ascii_lowercase());
    let short = SHORT.iter().find(|(long, _)| *long == said);
    match short {
        Some((_, short)) => (*short).to_owned(),
        None if plain => said.to_owned(),
        None => "und".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_tag_is_taken_and_free_text_is_undetermined() {
        let table = [
            ("eng", "en"),
            ("ger", "de"),
            ("deu", "de"),
            ("gsw", "gsw"),
            ("en", "en"),
            ("und", "und"),
            ("../x", "und"),
            ("", "und"),
        ];
        for (said, expected) in table {
            assert_eq!(bcp47(said), expected);
        }
    }
}
