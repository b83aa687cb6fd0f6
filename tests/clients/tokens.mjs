// Counts the tokens of texts, as OpenAI's newer models split them (o200k_base).
//
// Usage: node tokens.mjs FILE…   where each FILE has a JSON list of { "name", "text" }, as tests/mcp writes them into target/tmp.
// Prints a line for each text: its bytes, its tokens and its name.

import { readFileSync } from "node:fs";

import { getEncoding } from "js-tiktoken";

const encoding = getEncoding("o200k_base");
for (const file of process.argv.slice(2)) {
  for (const { name, text } of JSON.parse(readFileSync(file, "utf8"))) {
    const [bytes, tokens] = [Buffer.byteLength(text), encoding.encode(text).length];
    console.log(`${String(bytes).padStart(7)} B ${String(tokens).padStart(6)} tokens  ${name}`);
  }
}
