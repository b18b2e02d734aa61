// Checks an AsyncAPI document with the AsyncAPI parser: node check-asyncapi.mjs FILE
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const ERROR = 0;

const text = await readFile(process.argv[2], "utf-8");
const { document, diagnostics } = await new Parser().parse(text);
for (const { severity, code, path, message } of diagnostics) {
  if (severity <= 1) console.error(`${severity === ERROR ? "error" : "warning"} ${code} at ${path.join(".")}: ${message}`);
}
if (!document || diagnostics.some(({ severity }) => severity === ERROR)) process.exit(1);
console.log(`ok: AsyncAPI ${document.version()}, ${document.operations().length} operations, ${document.allMessages().length} messages`);
