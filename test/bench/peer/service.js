/**
 * The same work on Restate: a promise is a workflow that waits for its own durable promise; to settle
 * is to resolve it, to read is to peek, to await is to await. Runs in a process of its own, on the SDK
 * that the caller has installed; prints the port when it listens. Plain JavaScript, run as it stands.
 *
 * node service.js <folder with node_modules>
 */
import { createRequire } from "node:module";
import { createServer } from "node:http2";
import { join } from "node:path";

const restate = createRequire(join(process.argv[2], "index.js"))("@restatedev/restate-sdk");

const promise = restate.workflow({
  name: "promise",
  handlers: {
    run: async (context) => context.promise("value"),
    settle: async (context, value) => {
      await context.promise("value").resolve(value);
    },
    get: async (context) => (await context.promise("value").peek()) ?? null,
    await: async (context) => context.promise("value"),
  },
});

const server = createServer(restate.createEndpointHandler({ services: [promise] }));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
