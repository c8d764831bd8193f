//! Cues: what is read when. Pure.

/// Most cues of a track.
pub const MAX_CUES: usize = 50_000;
/// Most bytes of a cue's text.
const MAX_TEXT: usize = 4_096;
/// How long a cue is shown of which nobody says when it ends, in milliseconds.
const UNTIMED: i64 = 5_000;

/// A cue on some clock, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// When it appears.
    pub start: i64,
    /// When it goes; `None` when nobody said.
    pub end: Option<i64>,
    /// Settings of WebVTT, such as `line:10%`; most often empty.
    pub settings: String,
    /// Text of WebVTT, escaped, without blank lines.
    pub text: String,
}

/// A cue of the output, in milliseconds from its beginning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placed {
    /// When it appears.
    pub start: u64,
    /// When it goes, later than `start`.
    pub end: u64,
    /// Settings of WebVTT.
    pub settings: String,
    /// Text of WebVTT.
    pub text: String,
}

/// Cues in order on the output's clock, which begins at `origin` and has `length` milliseconds: what
/// lies outside is cut away, what is said twice is said once.
pub fn placed(mut cues: Vec<Cue>, origin: i64, length: u64) -> Vec<Placed> {
    cues.sort_by_key(|cue| cue.start);
    let starts: Vec<i64> = cues.iter().map(|cue| cue.start).collect();
    let ended = |cue: &Cue| {
        cue.end.unwrap_or_else(|| {
            let latest = cue.start.saturating_add(UNTIMED);
            let next = starts.get(starts.partition_point(|start| *start <= cue.start));
            next.map_or(latest, |next| latest.min(*next))
        })
    };
    let inside = |time: i64| u64::try_from(time.saturating_sub(origin).max(0)).unwrap_or(0);
    let mut placed: Vec<Placed> = cues
        .iter()
        .filter(|cue| !cue.text.is_empty())
        .map(|cue| Placed {
            start: inside(cue.start),
            end: inside(ended(cue)).min(length),
            settings: cue.settings.clone(),
            text: cut(&cue.text).to_owned(),
        })
        .filter(|cue| cue.start < cue.end)
        .collect();
    placed.sort();
    placed.dedup();
    placed
}

/// The beginning of a text that is too long, up to the end of a line. Tags that stay open close with
/// the cue.
fn cut(text: &str) -> &str {
    if text.len() <= MAX_TEXT {
        return text;
    }
    let lines = text.match_indices('\n').map(|(at, _)| at);
    let end = lines.take_while(|at| *at <= MAX_TEXT).last();
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

/// Plain text as text of a cue: what means something to WebVTT is escaped, blank lines go, which
/// would end the cue, and so do characters of control.
pub fn escaped(plain: &str) -> String {
    let mut text = String::with_capacity(plain.len());
    for c in plain.chars() {
        match c {
            '&' => text += "&amp;",
            '<' => text += "&lt;",
            '>' => text += "&gt;",
            '\n' => text.push('\n'),
            '\u{a0}' => text.push(' '),
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    lines(&text)
}

/// The text without blank lines and blanks around lines.
pub fn lines(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// Settings of WebVTT of which only those that place a cue stay, each a name and a plain value.
pub fn settings(said: &str) -> String {
    let known = ["vertical", "line", "position", "size", "align"];
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ',' | '%' | '-');
    let kept = |setting: &&str| {
        setting.split_once(':').is_some_and(|(name, value)| {
            known.contains(&name)
                && (1..=24).contains(&value.len())
                && value.chars().all(plain)
                && !value.contains("--")
        })
    };
    let kept: Vec<&str> = said.split_whitespace().filter(kept).collect();
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cue(start: i64, end: Option<i64>, text: &str) -> Cue {
        Cue {
            start,
            end,
            settings: String::new(),
            text: text.into(),
        }
    }

    #[test]
    fn cues_are_placed_in_order_and_cut_at_both_ends() {
        let cues = vec![
            cue(9_000, Some(20_000), "last"),
            cue(500, Some(1_500), "first"),
            cue(500, Some(1_500), "first"),
            cue(0, Some(900), "before"),
            cue(2_000, None, "until the next"),
            cue(3_000, None, "five seconds"),
            cue(11_000, Some(12_000), "after"),
            cue(4_000, Some(4_000), "nothing"),
        ];
        let placed: Vec<_> = placed(cues, 1_000, 9_500)
            .into_iter()
            .map(|c| (c.start, c.end, c.text))
            .collect();
        let expected = [
            (0, 500, "first"),
            (1_000, 2_000, "until the next"),
            (2_000, 3_000, "five seconds"),
            (8_000, 9_500, "last"),
        ];
        assert_eq!(placed, expected.map(|(s, e, t)| (s, e, t.to_owned())));
    }

    #[test]
    fn nothing_in_a_text_ends_its_cue_or_opens_a_tag() {
        let text = escaped("a --> b\n\n<b>&\u{0}\r\n  c  ");
        assert_eq!(text, "a --&gt; b\n&lt;b&gt;&amp;\nc");
    }

    #[test]
    fn only_plain_settings_stay() {
        let said = "line:0 region:fred align:start --> position:50%,line-left size:\u{fe}9 x";
        assert_eq!(settings(said), "line:0 align:start position:50%,line-left");
    }
}
