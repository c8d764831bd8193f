// Reads a file with mp4box: exits 0 when it finds one track, samples that follow each other without
// gap, and nothing to complain of.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const [tools, path] = process.argv.slice(2);
const require = createRequire(`${tools}/`);
const { createFile, Log } = require("mp4box");

const complaints = [];
for (const level of ["warn", "error"]) Log[level] = (_module, text) => complaints.push(text);
const file = createFile(true);
file.onError = (module, text) => complaints.push(`${module}: ${text}`);
let samples = [];
file.onReady = ({ tracks }) => {
  if (tracks.length !== 1) complaints.push(`${tracks.length} tracks`);
  file.setExtractionOptions(tracks[0].id, null, { nbSamples: 1e6 });
  file.start();
};
file.onSamples = (_id, _user, found) => (samples = samples.concat(found));

const bytes = await readFile(path);
const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
buffer.fileStart = 0;
file.appendBuffer(buffer, true);
file.flush();

if (samples.length === 0) complaints.push("no samples");
if (samples.length > 0 && !samples[0].is_sync) complaints.push("the first sample is no sync sample");
samples.slice(1).forEach((sample, index) => {
  const before = samples[index];
  if (sample.dts !== before.dts + before.duration) complaints.push(`sample ${index + 1} begins at ${sample.dts}`);
});
const unknown = file.boxes.filter((box) => !["ftyp", "moov", "styp", "moof", "mdat"].includes(box.type));
if (unknown.length > 0) complaints.push(`boxes ${unknown.map((box) => box.type)}`);
if (complaints.length > 0) console.log(complaints.slice(0, 5).join("; "));
process.exit(complaints.length > 0 ? 1 : 0);
