#!/usr/bin/env bash
# Compiles every contract here into target/tools/contracts/NAME.json (bytecode and method
# selectors). `compile.sh validator` writes the bytecode that the data plane ships instead.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tools=$here/../../target/tools/contracts
shipped=$here/../../dataplane/src/adapters/ethereum/contracts
stamp=$tools/.compiled
newer=$(find "$here" "$shipped" \( -name '*.sol' -o -name compile.sh \) -newer "$stamp" 2> /dev/null || echo all)
[ -e "$stamp" ] && [ -z "$newer" ] && [ "${1-}" != validator ] && exit 0
mkdir -p "$tools/tests" "$tools/shipped"
[ -d "$tools/node_modules/erc6551" ] ||
  npm install --silent --no-save --prefix "$tools" solc@0.8.37 @openzeppelin/contracts@5.7.0 erc6551@0.3.1
rm -f "$tools"/{tests,shipped}/*.sol
cp "$here"/*.sol "$tools/tests/"
cp "$shipped"/*.sol "$tools/shipped/"
cd "$tools"
node -e '
const fs = require("fs"), solc = require("solc");
const find = (path) => ({ contents: fs.readFileSync("node_modules/" + path, "utf8") });
// What is shipped runs on chains that lack the newest instructions.
for (const [folder, evmVersion] of [["tests", "cancun"], ["shipped", "paris"]]) {
  const files = fs.readdirSync(folder);
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(files.map((f) => [f, { content: fs.readFileSync(`${folder}/${f}`, "utf8") }])),
    settings: {
      evmVersion, optimizer: { enabled: true, runs: 200 }, metadata: { bytecodeHash: "none", appendCBOR: false },
      outputSelection: { "*": { "*": ["evm.bytecode.object", "evm.methodIdentifiers"] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: find }));
  const errors = (output.errors || []).filter((e) => e.severity === "error");
  if (errors.length) { console.error(errors.map((e) => e.formattedMessage).join("\n")); process.exit(1); }
  for (const file of files) for (const [name, { evm }] of Object.entries(output.contracts[file])) {
    const bytecode = "0x" + evm.bytecode.object;
    fs.writeFileSync("part", JSON.stringify({ bytecode, methods: evm.methodIdentifiers }));
    fs.renameSync("part", name + ".json");
  }
}
'
[ "${1-}" = validator ] &&
  node -p 'require("./ValidateSignature.json").bytecode.slice(2)' > "$shipped/validate-signature.hex"
touch "$stamp"
