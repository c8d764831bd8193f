//! Sign-in, sessions and decisions.

mod decisions;
mod over_http;
mod sign_in;
