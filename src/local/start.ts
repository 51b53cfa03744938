/**
 * `npm start`: reads the options, starts the server, says where it is, and stops it when asked to.
 * All printing is here, and all decisions are elsewhere.
 */
import { stop as stopEsbuild } from "esbuild";
import { HELP, parseOptions, type Options } from "./options.ts";
import { startServer, StartError, type Server } from "./server.ts";
import { describeExit } from "./workerd.ts";

try {
  const options = parseOptions(process.argv.slice(2), process.env);
  if (options === "help") console.log(HELP);
  else await serve(options);
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function serve(options: Options): Promise<void> {
  const asked = untilAsked();
  // Kept until it has started: if it does not, the error says the same again.
  let early = "";
  let log = (text: string): void => void (early += text);
  const server = await startServer({ ...options, env: process.env, log: (text) => log(text) });
  // It waits for more to bundle, with tens of megabytes; nothing more will come.
  await stopEsbuild();
  greet(server, options);
  log = (text) => void process.stderr.write(text);
  log(early);

  const crashed = await Promise.race([asked, server.exited]);
  if (crashed === undefined) return server.stop();
  // What it said is on the screen already.
  console.error(
    `${describeExit({ ...crashed, output: "" })}; the promises are safe in ${options.data}`,
  );
  process.exitCode = 1;
}

/**
 * Resolves on the first signal to stop. More of them change nothing: a terminal and npm may both
 * pass on one Ctrl-C, and the second must not cut short what the first began.
 */
function untilAsked(): Promise<undefined> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
      process.on(signal, () => resolve(undefined));
    }
  });
}

function greet({ url, access }: Server, { data, host }: Options): void {
  const lines = [`Durable Promises  ${url}  (data in ${data})`];
  if (access === "open") lines.push("Open: no API_KEYS set, so only this machine may ask.");
  const key = access === "open" ? "" : ` -H "authorization: Bearer $KEY"`;
  lines.push(
    `Try: curl -X PUT ${url}/promises/hello${key} -H "content-type: application/json" -d "{}"`,
  );
  console.log(lines.join("\n"));
  if (access === "closed") {
    console.error(
      `Closed: ${host} can be reached from other machines and no API_KEYS is set, so everything ` +
        `but ${url}/health is refused. Set API_KEYS and start again.`,
    );
  }
}
