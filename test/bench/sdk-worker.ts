/**
 * The worker process of the SDK's rows: `node sdk-worker.ts <url>`, forked. Sends a message when it is
 * connected, and ends with its parent.
 */
import type { Context } from "@resonatehq/sdk";
import { connectSdk, WORKERS } from "./sdk-connect.ts";

const [url = ""] = process.argv.slice(2);

process.once("disconnect", () => process.exit());
const resonate = await connectSdk(url, WORKERS);

resonate.register("empty", async () => {});

/** Each link calls the next, in a worker process again. */
resonate.register("chain", function* chain(ctx: Context, links: number) {
  if (links > 1) yield* ctx.rpc("chain", links - 1, ctx.options({ target: WORKERS }));
});

resonate.register("approval", function* approval(ctx: Context) {
  return yield* yield* ctx.promise<string>();
});

process.send?.("connected");
