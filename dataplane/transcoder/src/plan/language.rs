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

/// A tag as it is said, if it looks like one; `und` for others.
pub fn plain(said: &str) -> String {
    let part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let tag = said.len() <= 35 && said.split('-').all(part);
    if tag {
        said.to_owned()
    } else {
        "und".to_owned()
    }
}

/// The code of three letters for boxes, which know no others; `und` where there is none.
pub fn three_letters(tag: &str) -> String {
    let first = tag
        .split('-')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let long = SHORT.iter().find(|(_, short)| *short == first);
    match long {
        Some((long, _)) => (*long).to_owned(),
        None if first.len() == 3 && first.bytes().all(|b| b.is_ascii_lowercase()) => first,
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

    #[test]
    fn tags_stay_and_boxes_get_three_letters() {
        for (said, tag, letters) in [
            ("pt-BR", "pt-BR", "por"),
            ("en", "en", "eng"),
            ("gsw", "gsw", "gsw"),
            ("x y", "und", "und"),
            ("", "und", "und"),
        ] {
            assert_eq!(plain(said), tag);
            assert_eq!(three_letters(&plain(said)), letters);
        }
    }
}
