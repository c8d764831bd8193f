// Chromium with one page per viewing. Reads viewings from standard input, one JSON a line, and writes
// what became of each as soon as it is over; ends with standard input.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const [tools, browserPath] = process.argv.slice(2);
const require = createRequire(`${tools}/`);
const { chromium } = require("playwright-core");
const files = {
  "/": [new URL("page.html", import.meta.url), "text/html"],
  "/viewing.js": [new URL("viewing.js", import.meta.url), "text/javascript"],
  "/hls.js": [`${tools}/node_modules/hls.js/dist/hls.min.js`, "text/javascript"],
  "/shaka.js": [`${tools}/node_modules/shaka-player/dist/shaka-player.compiled.js`, "text/javascript"],
};

// The page is of another origin than the gate, as that of most viewers is.
const server = createServer(async ({ url }, response) => {
  const [path, type] = files[url] ?? [];
  response.writeHead(path ? 200 : 404, { "content-type": type ?? "text/plain" });
  response.end(path ? await readFile(path) : "");
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const page = `http://127.0.0.1:${server.address().port}/`;

const browser = await chromium.launch({
  executablePath: browserPath,
  args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows"],
});
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
say({ browser: browser.version() });

async function view(viewing) {
  const context = await browser.newContext();
  try {
    const tab = await context.newPage();
    const said = [];
    tab.on("pageerror", (error) => said.push(error.message));
    await tab.goto(page);
    const seen = await tab.evaluate((viewing) => window.view(viewing), viewing);
    say({ id: viewing.id, ...seen, errors: [...seen.errors, ...said] });
  } catch (error) {
    say({ id: viewing.id, ended: false, errors: [error.message], runs: [], stalls: [] });
  } finally {
    await context.close();
  }
}

const viewings = [];
for await (const line of createInterface({ input: process.stdin })) viewings.push(view(JSON.parse(line)));
await Promise.all(viewings);
await browser.close();
server.close();
