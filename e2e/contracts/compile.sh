#!/usr/bin/env bash
# Compiles Ticket.sol into target/tools/contracts/Ticket.json (bytecode and method selectors).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tools=$here/../../target/tools/contracts
out=$tools/Ticket.json
[ "$out" -nt "$here/Ticket.sol" ] && exit 0
mkdir -p "$tools"
[ -d "$tools/node_modules/solc" ] ||
  npm install --silent --no-save --prefix "$tools" solc@0.8.37 @openzeppelin/contracts@5.7.0
cp "$here/Ticket.sol" "$tools/Ticket.sol"
cd "$tools"
node -e '
const fs = require("fs"), solc = require("solc");
const input = {
  language: "Solidity",
  sources: { "Ticket.sol": { content: fs.readFileSync("Ticket.sol", "utf8") } },
  settings: { evmVersion: "cancun", outputSelection: { "*": { "*": ["evm.bytecode.object", "evm.methodIdentifiers"] } } },
};
const find = (path) => ({ contents: fs.readFileSync("node_modules/" + path, "utf8") });
const output = JSON.parse(solc.compile(JSON.stringify(input), { import: find }));
const errors = (output.errors || []).filter((e) => e.severity === "error");
if (errors.length) { console.error(errors.map((e) => e.formattedMessage).join("\n")); process.exit(1); }
const { bytecode, methodIdentifiers } = output.contracts["Ticket.sol"].Ticket.evm;
fs.writeFileSync("Ticket.part", JSON.stringify({ bytecode: "0x" + bytecode.object, methods: methodIdentifiers }));
fs.renameSync("Ticket.part", "Ticket.json");
'
