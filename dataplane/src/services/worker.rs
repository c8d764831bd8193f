//! The role `worker`.
