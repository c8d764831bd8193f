//! A node of Solana for tests, ended with its test: the real programs, run by LiteSVM behind the
//! JSON-RPC of `e2e/solana/node.mjs`.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use crate::adapters::endpoints::json_rpc::JsonRpc;

/// First block's hash of the node.
pub const GENESIS: &str = "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG";

/// The node.
pub struct Node {
    process: Child,
    /// Its JSON-RPC endpoint.
    pub url: String,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Somebody by a seed, who signs by `e2e/solana/node.mjs`.
pub fn key(seed: u8) -> [u8; 32] {
    SigningKey::from_bytes(&[seed; 32])
        .verifying_key()
        .to_bytes()
}

/// Their address.
pub fn address(seed: u8) -> String {
    bs58::encode(key(seed)).into_string()
}

impl Node {
    /// Starts the node and waits until it answers.
    pub async fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let process = Command::new("node")
            .arg(format!("{root}/e2e/solana/node.mjs"))
            .arg(format!("{root}/target/tools/solana"))
            .arg(port.to_string())
            .stdout(Stdio::null())
            .spawn()
            .expect("no node; run `make solana`");
        let url = format!("http://127.0.0.1:{port}");
        let node = Self { process, url };
        for _ in 0..200 {
            if node.try_ask("getGenesisHash", json!([])).await.is_some() {
                return node;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the node does not answer; run `make solana`");
    }

    async fn try_ask(&self, method: &str, params: Value) -> Option<Value> {
        let rpc = JsonRpc::new().unwrap();
        let answer = rpc.request(&self.url, method, params).await.ok()?;
        let refused = answer.error.map(|refusal| refusal.message);
        assert_eq!(refused, None, "{method}");
        Some(answer.result)
    }

    /// The result of a method.
    pub async fn ask(&self, method: &str, parameter: Value) -> Value {
        self.try_ask(method, json!([parameter])).await.unwrap()
    }

    /// So much of a new mint for somebody; the mint. `program` is 0 for the token program, 1 for
    /// Token-2022.
    pub async fn mint(&self, to: u8, amount: u64, program: u8) -> String {
        let wish = json!({"owner": address(to), "amount": amount.to_string(), "program": program});
        let made = self.ask("test_mint", wish).await;
        made.as_str().unwrap().to_owned()
    }

    /// So much of a mint from somebody to somebody.
    pub async fn give(&self, mint: &str, from: u8, to: u8, amount: u64, program: u8) {
        let wish = json!({"mint": mint, "from": from, "to": address(to),
            "amount": amount.to_string(), "program": program});
        self.ask("test_transfer", wish).await;
    }

    /// A collection's own NFT.
    pub async fn collection(&self) -> String {
        let mint = self.mint(200, 1, 0).await;
        self.ask("test_describe", json!({"mint": mint})).await;
        self.ask("test_only", json!({"mint": mint})).await;
        mint
    }

    /// An NFT that says it is of a collection.
    pub async fn nft(&self, to: u8, collection: &str, program: u8) -> String {
        let mint = self.mint(to, 1, program).await;
        let wish = json!({"mint": mint, "collection": collection, "program": program});
        self.ask("test_describe", wish).await;
        mint
    }

    /// The collection says so too, or takes that back.
    pub async fn verify(&self, mint: &str, collection: &str, on: bool) {
        let wish = json!({"mint": mint, "collection": collection, "on": on});
        self.ask("test_verify", wish).await;
    }
}
