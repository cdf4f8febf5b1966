// The engine's pure steps, for test_engine.py: calls from standard input, results to standard output, as JSON.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const folder = pathToFileURL(process.argv[2] + "/");
const steps = {};
for (const name of ["frames", "pixels", "finder"]) Object.assign(steps, await import(new URL(`${name}.js`, folder)));
const read = (value) => {
  const isGrey = value?.pixels !== undefined;
  return isGrey ? { ...value, data: new Uint8Array(Buffer.from(value.pixels, "base64")) } : value;
};
const write = (value) => {
  if (ArrayBuffer.isView(value)) return Buffer.from(value).toString("base64");
  return value?.data ? { ...value, data: write(value.data) } : value;
};
const calls = JSON.parse(readFileSync(0, "utf-8"));
process.stdout.write(JSON.stringify(calls.map(([name, ...values]) => write(steps[name](...values.map(read))))));
