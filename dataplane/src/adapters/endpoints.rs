//! What adapters of several endpoints share: how they are asked, which are left alone, and what
//! enough of them say.

pub mod breaker;
pub mod json_rpc;
pub mod tally;
