/**
 * Many processes at once around the same promise: all of them end with the same value.
 *
 *     npm run example3 [promise-id] [url] [processes]
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const [
  id = "my-example-3-id",
  url = process.env["DURABLE_PROMISES_URL"] || "http://127.0.0.1:8787",
  count = "10",
] = process.argv.slice(2);

const script = fileURLToPath(new URL("2_example_process.ts", import.meta.url));

function runProcess(...role: string[]): Promise<void> {
  const child = spawn(process.execPath, [script, id, url, ...role], { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`process ${child.pid} exited with code ${code}`));
    });
  });
}

console.log(`Starting ${count} processes around ${JSON.stringify(id)}`);
// Left to chance alone, one run in thirty-five would have nobody resolve, and wait for ever.
const roles = Array.from({ length: Number(count) }, (_, index) => (index === 0 ? ["resolve"] : []));
await Promise.all(roles.map((role) => runProcess(...role)));
console.log("Done: one promise, one value");
