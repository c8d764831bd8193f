"""A real EVM node and the ERC-721 contract that opens the gate."""

import json
import os
import signal
import subprocess
import time
import urllib.request

from . import STATE, TOOLS, Failed

NODE = TOOLS / "anvil/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
CONTRACT = TOOLS / "contracts/Ticket.json"
CHAIN_ID = 31337


class Chain:
    """An EVM node that pods can reach, with unlocked accounts: it signs what it is asked to."""

    def __init__(self, host, port=8545):
        self.url = f"http://{host}:{port}"
        self.host, self.port = host, port
        self.pid_file = STATE / "anvil.pid"

    def up(self):
        """Starts the node unless it answers."""
        if self.answers():
            return
        STATE.mkdir(parents=True, exist_ok=True)
        command = [NODE, "--silent", "--host", self.host, "--port", str(self.port), "--chain-id", str(CHAIN_ID)]
        log = open(STATE / "anvil.log", "wb")
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        self.pid_file.write_text(str(process.pid))
        deadline = time.monotonic() + 20
        while not self.answers():
            if time.monotonic() > deadline or process.poll() is not None:
                raise Failed(f"the EVM node did not start; see {log.name}")
            time.sleep(0.1)

    def down(self):
        """Ends the node this folder started."""
        if self.pid_file.exists():
            pid = int(self.pid_file.read_text())
            if "anvil" in command_of(pid):
                os.kill(pid, signal.SIGTERM)
            self.pid_file.unlink()

    def pause(self):
        """Stops the node in its tracks: connections stand, nothing answers."""
        os.kill(int(self.pid_file.read_text()), signal.SIGSTOP)

    def resume(self):
        os.kill(int(self.pid_file.read_text()), signal.SIGCONT)

    def answers(self):
        try:
            return int(self.rpc("eth_chainId"), 16) == CHAIN_ID
        except (OSError, ValueError):
            return False

    def rpc(self, method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as response:
            answer = json.load(response)
        if "error" in answer:
            raise Failed(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def accounts(self):
        return self.rpc("eth_accounts")

    def sign(self, account, text):
        """EIP-191 signature of a text."""
        return self.rpc("personal_sign", "0x" + text.encode().hex(), account)

    def send(self, **transaction):
        """Sends a transaction and gives its receipt."""
        hash_ = self.rpc("eth_sendTransaction", transaction)
        for _ in range(100):
            receipt = self.rpc("eth_getTransactionReceipt", hash_)
            if receipt:
                if receipt["status"] != "0x1":
                    raise Failed(f"transaction {hash_} was reverted")
                return receipt
            time.sleep(0.05)
        raise Failed(f"transaction {hash_} was not mined")


class Ticket:
    """The ERC-721 contract."""

    def __init__(self, chain, address=None):
        self.chain = chain
        self.compiled = json.loads(CONTRACT.read_text())
        self.deployer = chain.accounts()[0]
        self.address = address or self.deploy()

    def deploy(self):
        receipt = self.chain.send(**{"from": self.deployer, "data": self.compiled["bytecode"]})
        return receipt["contractAddress"]

    def mint(self, holder):
        """Gives the next token to `holder`; its id."""
        self.call(self.deployer, "mint(address)", word(holder))
        data = "0x" + self.compiled["methods"]["minted()"]
        return int(self.chain.rpc("eth_call", {"to": self.address, "data": data}, "latest"), 16)

    def transfer(self, token, giver, taker):
        self.call(giver, "transferFrom(address,address,uint256)", word(giver) + word(taker) + f"{token:064x}")

    def call(self, sender, method, arguments):
        data = "0x" + self.compiled["methods"][method] + arguments
        return self.chain.send(**{"from": sender, "to": self.address, "data": data})


def word(address):
    """An address as a 32-byte word in hex."""
    return address.removeprefix("0x").lower().rjust(64, "0")


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""
