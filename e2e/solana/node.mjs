// A node of Solana for tests: node.mjs TOOLS PORT. The programs are the real ones, run by LiteSVM; before
// them stands as much of the JSON-RPC as gates use, and methods `test_…` that make tokens.
import { createRequire } from "node:module";
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const [tools, port] = [process.argv[2], Number(process.argv[3])];
const load = (name) => import(pathToFileURL(createRequire(join(tools, "node_modules", "x")).resolve(name)));
const kit = await load("@solana/kit");
const { LiteSVM, FailedTransactionMetadata } = await load("litesvm");
const system = await load("@solana-program/system");
const token = await load("@solana-program/token");

const TOKENS = ["TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"];
const METADATA = "metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s";
const INSTRUCTIONS = "Sysvar1nstructions1111111111111111111111111";
const SYSTEM = "11111111111111111111111111111111";
const GENESIS = "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG";
const svm = new LiteSVM();
svm.addProgramFromFile(METADATA, join(tools, "metaplex-token-metadata.so"));
const payer = await kit.generateKeyPairSigner();
svm.airdrop(payer.address, kit.lamports(1_000_000_000_000n));
const set = (change) => { const clock = svm.getClock(); change(clock); svm.setClock(clock); };
set((clock) => { clock.slot = 1000n; clock.unixTimestamp = BigInt(Math.floor(Date.now() / 1000)); });

async function send(instructions) {
  svm.expireBlockhash();
  const message = kit.pipe(
    kit.createTransactionMessage({ version: 0 }),
    (m) => kit.setTransactionMessageFeePayerSigner(payer, m),
    (m) => svm.setTransactionMessageLifetimeUsingLatestBlockhash(m),
    (m) => kit.appendTransactionMessageInstructions(instructions, m),
  );
  const outcome = svm.sendTransaction(await kit.signTransactionMessageWithSigners(message));
  if (outcome instanceof FailedTransactionMetadata) throw new Error(outcome.toString() + outcome.meta().logs().join("\n"));
  set((clock) => { clock.slot += 1n; clock.unixTimestamp = BigInt(Math.floor(Date.now() / 1000)); });
}

const person = (seed) => kit.createKeyPairSignerFromPrivateKeyBytes(new Uint8Array(32).fill(seed));
const keys = kit.getAddressEncoder();
const pda = async (...seeds) => (await kit.getProgramDerivedAddress({ programAddress: METADATA, seeds }))[0];
const metadataOf = (mint) => pda("metadata", keys.encode(METADATA), keys.encode(mint));
const editionOf = (mint) => pda("metadata", keys.encode(METADATA), keys.encode(mint), "edition");
const purse = async (owner, mint, tokenProgram) => (await token.findAssociatedTokenPda({ owner, mint, tokenProgram }))[0];

// Makes a mint of no decimals and gives `amount` of it to an owner.
async function mint({ owner, amount = "1", program = 0 }) {
  const [made, programAddress] = [await kit.generateKeyPairSigner(), TOKENS[program]];
  const at = await purse(owner, made.address, programAddress);
  await send([
    system.getCreateAccountInstruction({ payer, newAccount: made, lamports: kit.lamports(10_000_000n), space: 82n, programAddress }),
    token.getInitializeMint2Instruction({ mint: made.address, decimals: 0, mintAuthority: payer.address, freezeAuthority: payer.address }, { programAddress }),
    token.getCreateAssociatedTokenIdempotentInstruction({ payer, ata: at, owner, mint: made.address, tokenProgram: programAddress }),
    token.getMintToInstruction({ mint: made.address, token: at, mintAuthority: payer, amount: BigInt(amount) }, { programAddress }),
  ]);
  return made.address;
}

// All of a mint, or some of it, from somebody (by seed) to an owner.
async function transfer({ from, to, mint, amount = "1", program = 0 }) {
  const [authority, tokenProgram] = [await person(from), TOKENS[program]];
  const [source, destination] = [await purse(authority.address, mint, tokenProgram), await purse(to, mint, tokenProgram)];
  await send([
    token.getCreateAssociatedTokenIdempotentInstruction({ payer, ata: destination, owner: to, mint, tokenProgram }),
    token.getTransferInstruction({ source, destination, authority, amount: BigInt(amount) }, { programAddress: tokenProgram }),
  ]);
}

// A second account of the same owner for a mint, with its own key, that is no associated one.
async function second({ owner, mint, amount = "1" }) {
  const made = await kit.generateKeyPairSigner();
  await send([
    system.getCreateAccountInstruction({ payer, newAccount: made, lamports: kit.lamports(10_000_000n), space: 165n, programAddress: TOKENS[0] }),
    token.getInitializeAccount3Instruction({ account: made.address, mint, owner }),
    token.getMintToInstruction({ mint, token: made.address, mintAuthority: payer, amount: BigInt(amount) }),
  ]);
}

const [READ, WRITE, SIGN, PAY] = [0, 1, 2, 3];
const metaplex = (data, ...accounts) => ({
  programAddress: METADATA, data: Uint8Array.from(data),
  accounts: accounts.map(([address, role]) => (role >= SIGN ? { address, role, signer: payer } : { address, role })),
});
const text = (t) => [...new Uint8Array(new Uint32Array([t.length]).buffer), ...Buffer.from(t)];

// Gives a mint metadata, of a collection where one is named; Create, as an asset that may be one of many.
async function describe({ mint, collection, program = 0 }) {
  const of = collection ? [1, 0, ...keys.encode(collection)] : [0];
  const data = [42, 0, ...text("A"), ...text("B"), ...text("https://x.example"), 0, 0, 0, 0, 1, 1, ...of, 0, 0, 0, 1, 0, 0];
  await send([metaplex(data, [await metadataOf(mint), WRITE], [METADATA, READ], [mint, WRITE], [payer.address, SIGN], [payer.address, PAY], [payer.address, READ], [SYSTEM, READ], [INSTRUCTIONS, READ], [TOKENS[program], READ])]);
}

// Makes a mint of one the only one; CreateMasterEditionV3 with no prints.
async function only({ mint, program = 0 }) {
  const data = [17, 1, 0, 0, 0, 0, 0, 0, 0, 0];
  await send([metaplex(data, [await editionOf(mint), WRITE], [mint, WRITE], [payer.address, SIGN], [payer.address, SIGN], [payer.address, PAY], [await metadataOf(mint), WRITE], [TOKENS[program], READ], [SYSTEM, READ])]);
}

// The collection says that a mint is of it (18), or takes that back (22).
async function verify({ mint, collection, on = true }) {
  const of = [[collection, READ], [await metadataOf(collection), READ], [await editionOf(collection), READ]];
  const who = on ? [[payer.address, SIGN], [payer.address, PAY]] : [[payer.address, SIGN]];
  await send([metaplex([on ? 18 : 22], [await metadataOf(mint), WRITE], ...who, ...of)]);
}

class Refused extends Error { constructor(code, message) { super(message); this.code = code; } }

function context(how) {
  if (!["confirmed", "finalized"].includes(how?.commitment)) throw new Refused(-32602, "no commitment");
  const slot = Number(svm.getClock().slot);
  if (how.minContextSlot > slot) throw new Refused(-32016, "Minimum context slot has not been reached");
  return { slot };
}

function shown({ data, programAddress, lamports }, how) {
  const [from, length] = [how.dataSlice?.offset ?? 0, how.dataSlice?.length ?? data.length];
  return { data: [Buffer.from(data.slice(from, from + length)).toString("base64"), "base64"], owner: programAddress, lamports: Number(lamports), executable: false };
}

const methods = {
  getGenesisHash: () => GENESIS,
  getLatestBlockhash: ([how]) => ({ context: context(how), value: { blockhash: svm.latestBlockhash(), lastValidBlockHeight: 0 } }),
  getMultipleAccounts([addresses, how]) {
    if (addresses.length > 100) throw new Refused(-32602, "Too many inputs");
    const found = addresses.map((a) => svm.getAccount(a));
    return { context: context(how), value: found.map((a) => (a.exists ? shown(a, how) : null)) };
  },
  getTokenAccountsByOwner([owner, filter, how]) {
    let program = filter.programId;
    if (filter.mint) {
      const mint = svm.getAccount(filter.mint);
      if (!mint.exists || !TOKENS.includes(mint.programAddress)) throw new Refused(-32602, "Invalid param: could not find mint");
      program = mint.programAddress;
    }
    if (!TOKENS.includes(program)) throw new Refused(-32602, "Invalid param: unrecognized Token program id");
    const is = (data, at, address) => Buffer.compare(Buffer.from(data.slice(at, at + 32)), Buffer.from(keys.encode(address))) === 0;
    // Accounts of 165 bytes, or longer ones that say they are an account.
    const found = svm.getProgramAccounts(program).filter(({ data }) => (data.length === 165 || data[165] === 2)
      && is(data, 32, owner) && (!filter.mint || is(data, 0, filter.mint)));
    return { context: context(how), value: found.map((a) => ({ pubkey: a.address, account: shown(a, how) })) };
  },
  test_mint: ([p]) => mint(p), test_transfer: ([p]) => transfer(p), test_second: ([p]) => second(p),
  test_describe: ([p]) => describe(p), test_only: ([p]) => only(p), test_verify: ([p]) => verify(p),
  test_slot: ([slot]) => set((clock) => { clock.slot = BigInt(slot); }),
};

createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  const answer = { jsonrpc: "2.0", id: 1 };
  try {
    const { method, params } = JSON.parse(body);
    if (!Object.hasOwn(methods, method)) throw new Refused(-32601, "Method not found");
    answer.result = (await methods[method](params)) ?? null;
  } catch (error) {
    answer.error = { code: error.code ?? -32603, message: String(error.message) };
  }
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify(answer, (_, v) => (typeof v === "bigint" ? Number(v) : v)));
}).listen(port, "127.0.0.1");
