//! Adapters: one technology each, named after it. No policy lives here.

pub mod ethereum;
pub mod filesystem;
pub mod kubernetes;
pub mod s3;
pub mod sqlite;
pub mod system_clock;
