//! A real EVM node for tests, ended with its test. Contracts are a few bytes of assembly whose
//! storage is written directly, so no compiler is needed.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use serde_json::json;

use super::rpc::Rpc;
use crate::ports::chain::Wallet;

/// Chain id of the node.
pub const CHAIN_ID: u64 = 31_337;
/// `ownerOf(id)` loads slot `id` and reverts on zero; anything else loads the slot of its
/// argument, as `balanceOf(address)` does.
const ERC721: &str = "0x5f3560e01c636352211e14601857600435545f5260205ff35b6004355480\
                      6024575f5ffd5b5f5260205ff3";

/// Where the contract is put.
const CONTRACT: Address = Address::repeat_byte(0x72);

/// The node.
pub struct Anvil {
    process: Child,
    /// Its JSON-RPC endpoint.
    pub url: String,
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> String {
    let tools = concat!(
        env!("CARGO_MANIFEST_DIR"),
        // The binary itself: npm's wrapper would leave it running when it is killed.
        "/../target/tools/anvil/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
    );
    std::env::var("ANVIL").unwrap_or_else(|_| tools.to_owned())
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Anvil {
    /// Starts the node and waits until it answers.
    pub async fn start() -> Self {
        let port = free_port();
        let mut command = Command::new(program());
        command
            .args(["--port", &port.to_string(), "--silent"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let hint = "no anvil; run `make evm`";
        let process = command.spawn().expect(hint);
        let url = format!("http://127.0.0.1:{port}");
        let node = Self { process, url };
        for _ in 0..200 {
            if Rpc::new()
                .unwrap()
                .number(&node.url, "eth_chainId")
                .await
                .is_ok()
            {
                return node;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("anvil does not answer");
    }

    async fn set(&self, method: &str, params: serde_json::Value) {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let sent = reqwest::Client::new()
            .post(&self.url)
            .json(&body)
            .send()
            .await
            .unwrap();
        let answer = sent.text().await.unwrap();
        assert!(!answer.contains("error"), "{answer}");
    }

    /// An ERC-721 contract in which `holder` has one token, and an address without a contract.
    pub async fn erc721(&self, holder: Wallet, token: &str) -> [String; 2] {
        self.set("anvil_setCode", json!([CONTRACT, ERC721])).await;
        self.write(holder, token, true).await;
        [CONTRACT.to_string(), Address::repeat_byte(0x73).to_string()]
    }

    /// Gives the token of one wallet to another.
    pub async fn transfer(&self, from: Wallet, to: Wallet, token: &str) {
        self.write(from, token, false).await;
        self.write(to, token, true).await;
    }

    async fn write(&self, holder: Wallet, token: &str, has: bool) {
        let holder = Address::from(holder.0).into_word();
        let token = B256::from(token.parse::<U256>().unwrap());
        let owner = if has { holder } else { B256::ZERO };
        for (slot, value) in [(holder, B256::with_last_byte(has.into())), (token, owner)] {
            let slot = U256::from_be_bytes(slot.0);
            self.set("anvil_setStorageAt", json!([CONTRACT, slot, value]))
                .await;
        }
    }
}
