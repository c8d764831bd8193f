//! A real EVM node for tests, ended with its test. Contracts are a few bytes of assembly whose
//! storage is written directly, so no compiler is needed.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use serde_json::{Value, json};

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

/// Account of the node that pays for everything.
const PAYER: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

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
        Self::with(&[]).await
    }

    /// The same with more arguments.
    pub async fn with(arguments: &[&str]) -> Self {
        let port = free_port();
        let mut command = Command::new(program());
        command
            .args(["--port", &port.to_string(), "--silent"])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let hint = "no anvil; run `make evm`";
        let process = command.spawn().expect(hint);
        let url = format!("http://127.0.0.1:{port}");
        let node = Self { process, url };
        for _ in 0..200 {
            if Rpc::new().unwrap().chain_id(&node.url).await.is_ok() {
                return node;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("anvil does not answer");
    }

    /// The result of a method.
    pub async fn rpc(&self, method: &str, params: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let sent = reqwest::Client::new().post(&self.url).json(&body);
        let answer: Value = sent.send().await.unwrap().json().await.unwrap();
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Deploys a contract of `e2e/contracts`.
    pub async fn deploy(&self, name: &str, arguments: impl AsRef<[u8]>) -> Address {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/contracts");
        let text = std::fs::read_to_string(format!("{folder}/{name}.json"));
        let compiled: Value = serde_json::from_str(&text.expect("run `make contracts`")).unwrap();
        let code = compiled["bytecode"].as_str().unwrap();
        let data = format!("{code}{}", hex::encode(arguments));
        let receipt = self.transact(json!({"from": PAYER, "data": data})).await;
        receipt["contractAddress"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// Calls a contract for good; the receipt.
    pub async fn send(&self, to: Address, data: Vec<u8>) -> Value {
        let data = format!("0x{}", hex::encode(data));
        self.transact(json!({"from": PAYER, "to": to, "data": data}))
            .await
    }

    /// The same as another account, on a node that lets everybody be anybody.
    pub async fn send_as(&self, from: Wallet, to: Address, data: Vec<u8>) -> Value {
        let from = Address::from(from.evm().unwrap());
        let wei = json!([from, "0xde0b6b3a7640000"]);
        self.rpc("anvil_setBalance", wei).await;
        let data = format!("0x{}", hex::encode(data));
        self.transact(json!({"from": from, "to": to, "data": data}))
            .await
    }

    async fn transact(&self, transaction: Value) -> Value {
        let hash = self.rpc("eth_sendTransaction", json!([transaction])).await;
        for _ in 0..100 {
            let receipt = self.rpc("eth_getTransactionReceipt", json!([hash])).await;
            if receipt.is_object() {
                assert_eq!(receipt["status"], "0x1", "reverted: {transaction}");
                return receipt;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not mined: {transaction}");
    }

    /// Makes blocks.
    pub async fn mine(&self, blocks: u64) {
        self.rpc("anvil_mine", json!([format!("{blocks:#x}")]))
            .await;
    }

    /// An ERC-721 contract in which `holder` has one token, and an address without a contract.
    pub async fn erc721(&self, holder: Wallet, token: &str) -> [String; 2] {
        self.rpc("anvil_setCode", json!([CONTRACT, ERC721])).await;
        self.write(holder, token, true).await;
        self.mine(1).await;
        [CONTRACT.to_string(), Address::repeat_byte(0x73).to_string()]
    }

    /// Gives the token of one wallet to another.
    pub async fn transfer(&self, from: Wallet, to: Wallet, token: &str) {
        self.write(from, token, false).await;
        self.write(to, token, true).await;
        self.mine(1).await;
    }

    async fn write(&self, holder: Wallet, token: &str, has: bool) {
        let holder = Address::from(holder.evm().unwrap()).into_word();
        let token = B256::from(token.parse::<U256>().unwrap());
        let owner = if has { holder } else { B256::ZERO };
        for (slot, value) in [(holder, B256::with_last_byte(has.into())), (token, owner)] {
            let slot = U256::from_be_bytes(slot.0);
            self.rpc("anvil_setStorageAt", json!([CONTRACT, slot, value]))
                .await;
        }
    }
}
