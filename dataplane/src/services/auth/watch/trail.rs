//! The newest blocks of a chain as one endpoint showed them, and what a newer one means for them.
//! Pure. A re-organisation is seen by the hash of the block before; what endpoints say of removed
//! logs is not relied on.

use std::collections::VecDeque;

use crate::ports::chain::moves::{Header, Move};

/// Blocks that are remembered: deeper re-organisations are taken for a new beginning.
const MOST: usize = 256;
/// Most blocks that are caught up one by one.
pub const MOST_BEHIND: usize = 64;

/// What was learnt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// What moved, in blocks that came and in blocks that went.
    pub moves: Vec<Move>,
    /// Lowest number of a block that went.
    pub orphaned: Option<u64>,
    /// What happened before the newest block is not known.
    pub lost: bool,
}

impl News {
    /// Is there nothing?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How a block that is not remembered joins those that are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// It comes after the newest.
    Follows,
    /// The one before it is needed to tell.
    Below,
    /// The newest is none of its ancestors.
    Orphans,
    /// Nothing is remembered.
    Begins,
}

#[derive(Debug)]
struct Seen {
    header: Header,
    moves: Vec<Move>,
}

/// The blocks, newest last.
#[derive(Debug, Default)]
pub struct Trail(VecDeque<Seen>);

impl Trail {
    /// Is this block remembered? An endpoint of several nodes may show an older one again.
    pub fn knows(&self, header: &Header) -> bool {
        self.0.iter().rev().any(|seen| seen.header == *header)
    }

    /// How a block that is not remembered joins.
    pub fn join(&self, header: &Header) -> Join {
        let Some(newest) = self.0.back().map(|seen| seen.header.block) else {
            return Join::Begins;
        };
        match header.block.number.checked_sub(newest.number) {
            Some(1) if header.parent == newest.hash => Join::Follows,
            None | Some(0 | 1) => Join::Orphans,
            Some(_) => Join::Below,
        }
    }

    /// Takes the newest block away, as it is no longer one of the chain.
    pub fn orphan(&mut self, news: &mut News) {
        if let Some(seen) = self.0.pop_back() {
            let number = seen.header.block.number;
            news.orphaned = Some(news.orphaned.map_or(number, |lowest| lowest.min(number)));
            news.moves.extend(seen.moves);
        }
    }

    /// Forgets everything.
    pub fn lose(&mut self, news: &mut News) {
        self.0.clear();
        news.lost = true;
    }

    /// Adds a block that follows.
    pub fn add(&mut self, header: Header, moves: Vec<Move>, news: &mut News) {
        news.moves.extend_from_slice(&moves);
        self.0.push_back(Seen { header, moves });
        if self.0.len() > MOST {
            self.0.pop_front();
        }
    }

    /// Seconds between the last blocks; `None` when too few are remembered.
    pub fn spacing(&self) -> Option<f64> {
        const LAST: usize = 16;
        let last: Vec<_> = self.0.iter().rev().take(LAST).collect();
        let (newest, oldest) = (last.first()?.header.block, last.last()?.header.block);
        let blocks = newest
            .number
            .checked_sub(oldest.number)
            .filter(|n| *n > 0)?;
        Some((newest.time - oldest.time) as f64 / blocks as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::chain::Block;

    /// A block of a branch; its parent is of the branch `before`.
    fn header(number: u64, branch: u8, before: u8) -> Header {
        let hash = |number: u64, branch: u8| {
            let mut hash = [branch; 32];
            hash[..8].copy_from_slice(&number.to_be_bytes());
            hash
        };
        let time = number as i64 * 12;
        Header {
            block: Block {
                number,
                hash: hash(number, branch),
                time,
            },
            parent: hash(number.wrapping_sub(1), before),
        }
    }

    fn moved(n: u8) -> Vec<Move> {
        let (contract, from, to) = ([n; 20], [n; 20], [n; 20]);
        vec![Move { contract, from, to }]
    }

    #[test]
    fn blocks_that_follow_are_told_from_those_of_another_branch() {
        let (mut trail, mut news) = (Trail::default(), News::default());
        assert_eq!(trail.join(&header(5, 0, 0)), Join::Begins);
        for number in 5..=8 {
            trail.add(header(number, 0, 0), moved(number as u8), &mut news);
        }
        assert_eq!(news.moves.len(), 4);
        assert!(trail.knows(&header(6, 0, 0)) && !trail.knows(&header(8, 1, 0)));
        assert_eq!(trail.join(&header(9, 0, 0)), Join::Follows);
        assert_eq!(trail.join(&header(10, 0, 0)), Join::Below);
        for other in [header(9, 1, 1), header(8, 1, 0), header(3, 1, 1)] {
            assert_eq!(trail.join(&other), Join::Orphans);
        }
        let mut news = News::default();
        trail.orphan(&mut news);
        trail.orphan(&mut news);
        assert_eq!(news.orphaned, Some(7));
        assert_eq!(news.moves, [moved(8), moved(7)].concat());
        assert_eq!(trail.join(&header(7, 1, 0)), Join::Follows);
        assert_eq!(trail.spacing(), Some(12.0));
        trail.lose(&mut news);
        assert!(news.lost && trail.spacing().is_none());
    }

    #[test]
    fn only_the_newest_blocks_are_remembered() {
        let (mut trail, mut news) = (Trail::default(), News::default());
        for number in 0..300 {
            trail.add(header(number, 0, 0), Vec::new(), &mut news);
        }
        assert!(!trail.knows(&header(43, 0, 0)) && trail.knows(&header(44, 0, 0)));
        assert!(news.is_empty());
    }
}
