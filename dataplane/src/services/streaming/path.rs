//! Paths below `/v/`. Pure: `{handle}/{page}` and `{handle}/{track}/{file}`, taken as they stand;
//! nothing that is served has a name that would need an escape.

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// A playlist or manifest.
    Page(&'a str),
    /// A file of a track.
    Fragment {
        /// The track.
        track: &'a str,
        /// The file.
        file: &'a str,
    },
    /// No file has such a path.
    Nothing,
}

/// Handle and place of a path.
pub fn place(path: &str) -> (&str, Place<'_>) {
    let below = path.strip_prefix("/v/").unwrap_or_default();
    let Some((handle, rest)) = below.split_once('/') else {
        return (below, Place::Nothing);
    };
    let place = match rest.split_once('/') {
        None => Place::Page(rest),
        Some((track, file)) if !file.contains('/') => Place::Fragment { track, file },
        Some(_) => Place::Nothing,
    };
    (handle, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_handle_and_a_page_or_a_file() {
        let fragment = |track, file| Place::Fragment { track, file };
        for (path, expected) in [
            ("/v/h/master.m3u8", ("h", Place::Page("master.m3u8"))),
            ("/v/h/v720/init.mp4", ("h", fragment("v720", "init.mp4"))),
            ("/v/h//x", ("h", fragment("", "x"))),
            ("/v/h/", ("h", Place::Page(""))),
            ("/v/h", ("h", Place::Nothing)),
            ("/v/h/a/b/c", ("h", Place::Nothing)),
            ("/v//master.m3u8", ("", Place::Page("master.m3u8"))),
            ("/v/", ("", Place::Nothing)),
            ("/w/h/x", ("", Place::Nothing)),
        ] {
            assert_eq!(place(path), expected, "{path}");
        }
    }
}
