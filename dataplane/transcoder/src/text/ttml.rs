//! TTML as files with subtitles are written: paragraphs with times, nested and after one another,
//! `span` and `br`, italics, bold and underlines of their own or of a style. Pure. Sources: TTML2;
//! IMSC 1.1 text profile; EBU-TT-D.

mod time;

use std::collections::BTreeMap;

use roxmltree::{Document, Node, ParsingOptions};

use super::cue::{Cue, escaped, lines};
use time::Clock;

/// Namespaces begin so; older drafts had a year of their own.
const NAMESPACE: &str = "http://www.w3.org/";
/// Most nodes of a document.
const MAX_NODES: u32 = 400_000;
/// Deepest nesting that is followed.
const MAX_DEPTH: u32 = 64;

/// The cues of a document; why there are none.
pub(super) fn cues(text: &str) -> Result<Vec<Cue>, String> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| format!("it is no XML that is read here ({error})"))?;
    let root = document.root_element();
    let ours = root.tag_name().namespace();
    if root.tag_name().name() != "tt" || !ours.is_some_and(|name| name.starts_with(NAMESPACE)) {
        return Err("it is XML, but not TTML".into());
    }
    let mut reader = Reader {
        clock: Clock::of(root)?,
        styles: styles(root),
        cues: Vec::new(),
    };
    let body = root.children().find(|node| is(*node, "body"));
    if let Some(body) = body {
        reader.timed(body, (0, None), 0)?;
    }
    Ok(reader.cues)
}

fn is(node: Node, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

/// An attribute by its local name, in whichever of TTML's namespaces or in none.
pub(super) fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let mut attributes = node.attributes();
    attributes.find(|a| a.name() == name).map(|a| a.value())
}

/// Italics, bold, underline.
type Style = [bool; 3];

const TAGS: [char; 3] = ['i', 'b', 'u'];

/// What an element itself says, over what holds around it.
fn own(node: Node, around: Style) -> Style {
    let mut style = around;
    let said = [
        ("fontStyle", ["italic", "oblique"]),
        ("fontWeight", ["bold", "bold"]),
        ("textDecoration", ["underline", "underline"]),
    ];
    for (on, (name, words)) in style.iter_mut().zip(said) {
        if let Some(value) = attribute(node, name) {
            *on = value.split_whitespace().any(|word| words.contains(&word));
        }
    }
    style
}

/// Styles of the head by name.
fn styles<'a>(root: Node<'a, '_>) -> BTreeMap<&'a str, Style> {
    let styles = root.descendants().filter(|node| is(*node, "style"));
    let named = styles.filter_map(|node| Some((attribute(node, "id")?, own(node, [false; 3]))));
    named.collect()
}

struct Reader<'a> {
    clock: Clock,
    styles: BTreeMap<&'a str, Style>,
    cues: Vec<Cue>,
}

impl<'a> Reader<'a> {
    /// Reads an element with times, within those of its parent; says when it ends.
    fn timed(
        &mut self,
        node: Node<'a, '_>,
        (from, until): (i64, Option<i64>),
        depth: u32,
    ) -> Result<Option<i64>, String> {
        if depth > MAX_DEPTH {
            return Err("its elements are nested too deep".into());
        }
        let begin = from.saturating_add(self.clock.of_attribute(node, "begin")?.unwrap_or(0));
        let end = self
            .clock
            .of_attribute(node, "end")?
            .map(|end| from.saturating_add(end));
        let lasting = self.clock.of_attribute(node, "dur")?;
        let lasting = lasting.map(|length| begin.saturating_add(length));
        let end = [end, lasting, until].into_iter().flatten().min();
        match is(node, "p") {
            true => self.paragraph(node, begin, end),
            false => self.contained(node, begin, end, depth)?,
        }
        Ok(end)
    }

    fn contained(
        &mut self,
        node: Node<'a, '_>,
        begin: i64,
        end: Option<i64>,
        depth: u32,
    ) -> Result<(), String> {
        let sequence = attribute(node, "timeContainer") == Some("seq");
        let mut from = begin;
        for child in node.children() {
            if is(child, "div") || is(child, "p") {
                let ended = self.timed(child, (from, end), depth + 1)?;
                if sequence {
                    from = ended.unwrap_or(from);
                }
            }
        }
        Ok(())
    }

    fn paragraph(&mut self, node: Node<'a, '_>, start: i64, end: Option<i64>) {
        let mut text = String::new();
        let style = self.styled(node, [false; 3]);
        self.inline(node, style, &mut text, 0);
        let text = lines(&text);
        if !text.is_empty() && end.is_none_or(|end| end > start) {
            self.cues.push(Cue {
                start,
                end,
                settings: String::new(),
                text,
            });
        }
    }

    /// What holds in an element: what is around it, then its named styles, then its own words.
    fn styled(&self, node: Node<'a, '_>, around: Style) -> Style {
        let names = attribute(node, "style").unwrap_or("").split_whitespace();
        let named = names.filter_map(|name| self.styles.get(name));
        let mut style = around;
        for (on, named) in named.flat_map(|named| named.iter().enumerate()) {
            style[on] |= named;
        }
        own(node, style)
    }

    fn inline(&self, node: Node<'a, '_>, style: Style, text: &mut String, depth: u32) {
        for child in node.children() {
            if is(child, "br") {
                text.push('\n');
            } else if is(child, "span") && depth < MAX_DEPTH {
                let style = self.styled(child, style);
                self.inline(child, style, text, depth + 1);
            } else if child.is_text() {
                add(text, child.text().unwrap_or(""), style);
            }
        }
    }
}

/// Adds text with tags around it; blanks and ends of lines in XML are one blank.
fn add(text: &mut String, said: &str, style: Style) {
    let words: Vec<&str> = said.split_whitespace().collect();
    let blank = |c: Option<char>| c.is_some_and(char::is_whitespace);
    if blank(said.chars().next()) && !text.ends_with([' ', '\n']) {
        text.push(' ');
    }
    if words.is_empty() {
        return;
    }
    let tags = || {
        TAGS.iter()
            .zip(style)
            .filter(|(_, on)| *on)
            .map(|(tag, _)| *tag)
    };
    tags().for_each(|tag| text.extend(['<', tag, '>']));
    *text += &escaped(&words.join(" "));
    let close: Vec<char> = tags().collect();
    close
        .iter()
        .rev()
        .for_each(|tag| text.extend(['<', '/', *tag, '>']));
    if blank(said.chars().last()) {
        text.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Vec<(i64, Option<i64>, String)> {
        let text = format!(
            "<?xml version='1.0'?><tt xmlns='http://www.w3.org/ns/ttml' \
             xmlns:tts='http://www.w3.org/ns/ttml#styling' xmlns:ttp='http://www.w3.org/ns/ttml#parameter' \
             ttp:frameRate='25' ttp:tickRate='1000'><head><styling>\
             <style xml:id='loud' tts:fontWeight='bold'/></styling></head>{body}</tt>"
        );
        let cues = cues(&text).unwrap();
        cues.into_iter().map(|c| (c.start, c.end, c.text)).collect()
    }

    #[test]
    fn paragraphs_have_their_times_and_styles() {
        let body = "<body><div>\
            <p begin='00:00:01.500' end='00:00:02'>One &amp; <span tts:fontStyle='italic'>two</span><br/>\n three</p>\
            <p begin='3s' dur='500ms' style='loud'>Four</p><p begin='5s' end='4s'>never</p><p begin='6s'> </p>\
            </div></body>";
        let expected = [
            (1_500, Some(2_000), "One &amp; <i>two</i>\nthree".to_owned()),
            (3_000, Some(3_500), "<b>Four</b>".to_owned()),
        ];
        assert_eq!(read(body), expected);
    }

    #[test]
    fn times_are_within_those_around_them() {
        let body = "<body begin='10s' end='20s'><div begin='1s' timeContainer='seq'>\
            <p dur='2s'>a</p><p dur='1s'>b</p><p begin='1s'>c</p></div></body>";
        let expected = [
            (11_000, Some(13_000), "a".to_owned()),
            (13_000, Some(14_000), "b".to_owned()),
            (15_000, Some(20_000), "c".to_owned()),
        ];
        assert_eq!(read(body), expected);
    }

    #[test]
    fn what_could_blow_up_is_refused() {
        let bomb =
            "<!DOCTYPE tt [<!ENTITY a 'aaaa'>]><tt xmlns='http://www.w3.org/ns/ttml'>&a;</tt>";
        assert!(cues(bomb).unwrap_err().contains("XML"));
        let deep = format!(
            "<tt xmlns='http://www.w3.org/ns/ttml'><body>{}{}</body></tt>",
            "<div>".repeat(100),
            "</div>".repeat(100)
        );
        assert!(cues(&deep).unwrap_err().contains("deep"));
        assert!(cues("<tt xmlns='http://example.com'/>").is_err());
    }
}
