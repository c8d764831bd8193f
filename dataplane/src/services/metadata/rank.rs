//! Which of the contents that match a search come first. The same on every database: a word of the
//! title counts more than one of the description, a whole word more than its beginning, and newer
//! contents stand before older ones of the same score. Pure.

use crate::ports::catalog::library::{Entry, Found};

/// Most words of a search; more are left out.
pub const MAX_WORDS: usize = 8;

/// Letters and digits in lower case, each word once.
pub fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in split(text).take(4 * MAX_WORDS) {
        if !words.contains(&word) && words.len() < MAX_WORDS {
            words.push(word);
        }
    }
    words
}

fn split(text: &str) -> impl Iterator<Item = String> + '_ {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// How well an entry fits.
pub fn score(words: &[String], entry: &Entry) -> i64 {
    let title: Vec<String> = split(&entry.content.title).collect();
    let description: Vec<String> = split(&entry.about.description).collect();
    let of = |word: &String| 4 * fit(word, &title) + fit(word, &description);
    let all: i64 = words.iter().map(of).sum();
    // A title that is what was asked for, and nothing else.
    all + i64::from(title == words) * 4
}

/// 2 for the whole word, 1 for its beginning.
fn fit(word: &str, text: &[String]) -> i64 {
    let begins = |other: &&String| other.starts_with(word);
    match text.iter().any(|other| other == word) {
        true => 2,
        false => i64::from(text.iter().find(begins).is_some()),
    }
}

/// The matches behind `after` (score and place), best first.
pub fn ranked(words: &[String], found: Vec<Found>, after: Option<(i64, i64)>) -> Vec<(i64, Found)> {
    let scored = found.into_iter().map(|one| (score(words, &one.entry), one));
    let behind = |(score, one): &(i64, Found)| after.is_none_or(|last| (*score, one.place) < last);
    let mut ranked: Vec<_> = scored.filter(behind).collect();
    ranked.sort_by_key(|(score, one)| std::cmp::Reverse((*score, one.place)));
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::catalog::library::About;
    use crate::ports::catalog::suite;

    fn found(place: i64, title: &str, description: &str) -> Found {
        let mut content = suite::content("c");
        content.title = title.into();
        let about = About {
            description: description.into(),
            ..About::default()
        };
        let entry = Entry::new(content, about);
        Found { place, entry }
    }

    #[test]
    fn words_are_letters_and_digits_in_lower_case() {
        assert_eq!(words("  Größe: 4K-Video, 4k! "), ["größe", "4k", "video"]);
        assert!(words("-- !").is_empty());
        assert_eq!(words("a b c d e f g h i j").len(), MAX_WORDS);
    }

    #[test]
    fn titles_come_before_descriptions_whole_words_before_beginnings_new_before_old() {
        let asked = words("blue whale");
        let all = vec![
            found(1, "Blue whale", ""),
            found(2, "Some animals", "whale, blue"),
            found(3, "The blue whales", ""),
            found(4, "A blue whale", ""),
            found(5, "A blue whale", ""),
        ];
        let order = |after| {
            let ranked = ranked(&asked, all.clone(), after);
            ranked.iter().map(|(_, one)| one.place).collect::<Vec<_>>()
        };
        assert_eq!(order(None), [1, 5, 4, 3, 2]);
        let last = (score(&asked, &all[3].entry), 4);
        assert_eq!(order(Some(last)), [3, 2]);
    }
}
