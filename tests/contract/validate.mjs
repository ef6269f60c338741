// Run AsyncAPI's own parser on a document: `node validate.mjs FILE` prints its findings as a JSON list.
// It fetches nothing: a reference to another document is an error.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../tools/package.json", import.meta.url));
const { Parser } = require("@asyncapi/parser");

const LEVELS = ["error", "warning", "info", "hint"];
const elsewhere = [];
// It precedes the parser's own readers, which would try if it gave no answer or threw an error.
const read = (uri) => {
  elsewhere.push(uri.toString());
  return "{}";
};
const resolvers = ["http", "https", "file"].map((schema) => ({ schema, order: 1, read }));

const parser = new Parser({ __unstable: { resolver: { resolvers } } });
const found = await parser.validate(readFileSync(process.argv[2], "utf8"));
const listed = [
  ...found.map(({ severity, code, path, message }) => ({
    level: LEVELS[severity],
    code,
    path: path.join("."),
    message,
  })),
  ...elsewhere.map((uri) => ({ level: "error", code: "elsewhere", path: "", message: `not fetched: ${uri}` })),
];
console.log(JSON.stringify(listed));
