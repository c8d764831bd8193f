//! Events of ASS, which is what FFmpeg's decoders make of every kind of text, as cues of WebVTT: bold,
//! italics and underlines stay, so does a place at the top; fonts, colours and drawings go. Pure.

use super::cue::{escaped, lines};

/// Fields before the text of an event: order, layer, style, name, three margins, effect.
const FIELDS: usize = 8;
/// Height of the picture that FFmpeg's caption decoder places lines in.
const PLAY_HEIGHT: u32 = 288;

/// Text and settings of an event.
pub fn cue(event: &str) -> (String, String) {
    let text = event.splitn(FIELDS + 1, ',').nth(FIELDS).unwrap_or("");
    let mut reader = Reader::default();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '{' => match rest.split_once('}') {
                Some((tags, after)) => {
                    tags.split('\\').skip(1).for_each(|tag| reader.tag(tag));
                    after
                }
                None => reader.plain("{", &rest[1..]),
            },
            '\\' => reader.escape(rest),
            _ => {
                let end = rest.find(['{', '\\']).unwrap_or(rest.len());
                let (plain, after) = rest.split_at(end);
                reader.plain(plain, after)
            }
        };
    }
    reader.finish()
}

/// Bold, italics, underline.
const TAGS: [char; 3] = ['b', 'i', 'u'];

#[derive(Default)]
struct Reader {
    text: String,
    wanted: [bool; 3],
    open: [bool; 3],
    drawing: bool,
    settings: String,
}

impl Reader {
    fn tag(&mut self, tag: &str) {
        let number = |name: &str| tag.strip_prefix(name)?.parse::<u32>().ok();
        for (wanted, name) in self.wanted.iter_mut().zip(["b", "i", "u"]) {
            if let Some(on) = number(name) {
                *wanted = on > 0;
            }
        }
        if let Some(scale) = number("p") {
            self.drawing = scale > 0;
        }
        if tag.starts_with('r') {
            self.wanted = [false; 3];
        }
        if self.settings.is_empty() && matches!(number("an"), Some(7..=9)) {
            self.settings = "line:0".into();
        }
        if let Some(percent) = height(tag) {
            // Lines of captions are placed from above; the first one decides.
            if self.settings == "line:0" && self.text.is_empty() {
                self.settings = format!("line:{percent}%");
            }
        }
    }

    /// Adds plain text; what follows is handed back.
    fn plain<'t>(&mut self, plain: &str, after: &'t str) -> &'t str {
        if self.drawing {
            return after;
        }
        if self.open != self.wanted && !plain.trim().is_empty() {
            self.close();
            let tags = TAGS.iter().zip(self.wanted).filter(|(_, on)| *on);
            tags.for_each(|(tag, _)| self.text.extend(['<', *tag, '>']));
            self.open = self.wanted;
        }
        // Blanks at the edges are part of the line; `escaped` would take them away.
        let blank = |c: char| c == ' ';
        let head = plain.len() - plain.trim_start_matches(blank).len();
        let tail = plain.trim_matches(blank);
        self.text += &plain[..head];
        self.text += &escaped(tail);
        self.text += &plain[(head + tail.len()).min(plain.len())..];
        after
    }

    /// What a backslash says.
    fn escape<'t>(&mut self, rest: &'t str) -> &'t str {
        let mut chars = rest.chars();
        chars.next();
        let after = chars.as_str();
        match chars.next() {
            Some('N' | 'n') => {
                if !self.drawing {
                    self.text.push('\n');
                }
                chars.as_str()
            }
            Some('h') => self.plain(" ", chars.as_str()),
            Some('{') => self.plain("{", chars.as_str()),
            Some('}') => self.plain("}", chars.as_str()),
            // FFmpeg keeps a backslash from meaning something by a word joiner behind it.
            Some('\u{2060}') => self.plain("\\", chars.as_str()),
            _ => self.plain("\\", after),
        }
    }

    fn close(&mut self) {
        let tags = TAGS.iter().zip(self.open).rev().filter(|(_, on)| *on);
        for (tag, _) in tags {
            self.text.extend(['<', '/', *tag, '>']);
        }
        self.open = [false; 3];
    }

    fn finish(mut self) -> (String, String) {
        self.close();
        (lines(&self.text), self.settings)
    }
}

/// How far from above `pos(x,y)` places a line, in percent.
fn height(tag: &str) -> Option<u32> {
    let inside = tag.strip_prefix("pos(")?.strip_suffix(')')?;
    let y: u32 = inside.split_once(',')?.1.trim().parse().ok()?;
    Some((y.min(PLAY_HEIGHT) * 100 / PLAY_HEIGHT).min(90))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (String, String) {
        cue(&format!("0,0,Default,,0,0,0,,{text}"))
    }

    #[test]
    fn styles_become_tags_that_close_in_order() {
        let table = [
            ("plain, with a comma", "plain, with a comma"),
            ("{\\i1}all{\\i0}", "<i>all</i>"),
            (
                "a {\\b1}b{\\i1}c{\\b0}d{\\r}e",
                "a <b>b</b><b><i>c</i></b><i>d</i>e",
            ),
            ("one\\Ntwo\\N\\Nthree", "one\ntwo\nthree"),
            ("1 < 2 & \\{x\\} \\\u{2060}N", "1 &lt; 2 &amp; {x} \\N"),
            ("{\\p1}m 0 0 l 9 9{\\p0}shown", "shown"),
            ("{\\fnArial\\fs20\\c&H0000ff&}red", "red"),
            ("{never closed", "{never closed"),
        ];
        for (said, expected) in table {
            assert_eq!(of(said), (expected.to_owned(), String::new()), "{said}");
        }
    }

    #[test]
    fn places_at_the_top_and_of_captions_are_kept() {
        assert_eq!(of("{\\an8}up").1, "line:0");
        assert_eq!(of("{\\an2}down").1, "");
        let (text, settings) = of("{\\an7}{\\pos(38,216)}low\\N{\\an7}{\\pos(38,230)}er");
        assert_eq!((text.as_str(), settings.as_str()), ("low\ner", "line:75%"));
    }

    #[test]
    fn what_is_no_event_is_empty() {
        assert_eq!(cue("0,0,Default"), (String::new(), String::new()));
    }
}
