//! Adapters: one technology each, named after it. No policy lives here.

pub mod access_webhook;
pub mod alert_policies;
pub mod audit_files;
pub mod endpoints;
pub mod ethereum;
pub mod filesystem;
pub mod gate_pods;
pub mod kubernetes;
pub mod linux_figures;
pub mod moka_cache;
pub mod ocsf;
pub mod openid;
pub mod postgres;
pub mod prometheus_text;
pub mod redis;
pub mod roles_http;
pub mod s3;
pub mod solana;
pub mod sqlite;
pub mod system_clock;
pub mod tokio_figures;
pub mod webhook;
