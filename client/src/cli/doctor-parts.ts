/**
 * What `doctor` looks at last: whether lines that stay open get through, whether the index answers,
 * and what the server has been given to sign with.
 */
import { promisePath } from "../id.ts";
import { resolveOptions } from "../options.ts";
import { hasWebSocket, listen, parseFrame } from "../socket.ts";
import { listenToStream } from "../stream.ts";
import type { Finding } from "./doctor.ts";
import type { Asking } from "./doctor-ask.ts";
import { lengthText } from "./look.ts";
import { named, version } from "./session.ts";

type Found = Omit<Finding, "check">;

const skipped = (says: string): Found => ({ verdict: "skipped", says });
const WITHIN = "5s";
/** The index hears of a new promise within about a second. */
const BEHIND_MS_MAX = 10_000;

function targetOf({ url, token }: Asking) {
  const line = { openWithin: WITHIN, pingEvery: WITHIN, pongWithin: WITHIN, quietFor: WITHIN };
  return resolveOptions({ url, token: token ?? "", fetch: named, line });
}

export async function checkSocket(asking: Asking): Promise<Found> {
  const target = targetOf(asking);
  if (!hasWebSocket(target)) {
    return skipped(`Node ${process.version} has none, so waiting is by long poll; Node 22 has`);
  }
  const begunAt = performance.now();
  const ending = await listen(target, promisePath(asking.nobody), asking.signal, {
    parse: (data) => parseFrame(data),
    onFrame: () => true,
    speaksFirst: true,
  });
  if (ending.kind === "told") {
    return { verdict: "good", says: `tells us in ${Math.round(performance.now() - begunAt)} ms` };
  }
  const scope = await refusalOf(asking);
  if (scope !== undefined) return skipped(scope);
  return {
    verdict: "unclear",
    says: ending.error.message,
    todo: "Something on the way takes no WebSockets: waiting falls back to long polls. Let its proxy pass on Upgrade.",
  };
}

export async function checkEvents(asking: Asking): Promise<Found> {
  const begunAt = performance.now();
  const scope = await refusalOf(asking);
  if (scope !== undefined) return skipped(scope);
  const asked = { path: promisePath(asking.nobody), headers: {} };
  const ending = await listenToStream(targetOf(asking), asked, asking.signal, () => true);
  if (ending.kind === "told") {
    return { verdict: "good", says: `tells us in ${Math.round(performance.now() - begunAt)} ms` };
  }
  return {
    verdict: "unclear",
    says: ending.error.message,
    todo: "Something on the way keeps events back: tell its proxy not to buffer text/event-stream.",
  };
}

/** Why an await is refused, in the server's words. */
async function refusalOf({ ask, nobody }: Asking): Promise<string | undefined> {
  const { status, detail } = await ask({ path: `${promisePath(nobody)}?wait=0s` });
  return status === 401 || status === 403 ? `cannot be told: ${detail}` : undefined;
}

export async function checkIndex({ ask }: Asking): Promise<Found> {
  const { status, json, detail, ms } = await ask({ path: "/promises?limit=1&view=summary" });
  if (status === 401 || status === 403) return skipped(`cannot be told: ${detail}`);
  const { indexedAt } = (json ?? {}) as { indexedAt?: unknown };
  if (status === 404 || status === 405) {
    const todo = "Update the server: it is older than this program.";
    return { verdict: "bad", says: "the server does not search", todo };
  }
  if (status !== 200 || typeof indexedAt !== "number") {
    return {
      verdict: "bad",
      says: `a search answers ${status}: ${detail}`,
      todo: "Look at the server's log; GET /index says how each shard is, POST /index/rebuild repairs it.",
    };
  }
  const behindMs = Date.now() - indexedAt;
  if (behindMs <= BEHIND_MS_MAX) return { verdict: "good", says: `answers in ${ms} ms` };
  return {
    verdict: "unclear",
    says: `answers in ${ms} ms, and is ${lengthText(behindMs)} behind`,
    todo: "Searches may miss what is new; GET /index says how each shard is.",
  };
}

export async function checkLinks({ ask, nobody }: Asking): Promise<Found> {
  const { status, code, detail } = await ask({
    method: "POST",
    path: "/links",
    body: { promise: nobody },
  });
  if (code === "not_found") return { verdict: "good", says: "the server makes links" };
  if (code === "not_configured") {
    return {
      verdict: "unclear",
      says: "the server makes no links, for people and callbacks",
      todo: "Set LINK_KEYS on the server, if you want them.",
    };
  }
  return skipped(`cannot be told (${status}): ${detail}`);
}

export async function checkReceipts({ ask }: Asking): Promise<Found> {
  const { status, json, detail } = await ask({ path: "/.well-known/jwks.json" });
  const { keys } = (json ?? {}) as { keys?: unknown };
  if (status !== 200 || !Array.isArray(keys)) {
    return skipped(`cannot be told (${status}): ${detail}`);
  }
  if (keys.length > 0) return { verdict: "good", says: "the server signs how promises ended" };
  return {
    verdict: "unclear",
    says: "the server signs no receipts",
    todo: "Set RECEIPT_KEYS on the server, if you want them.",
  };
}

export async function checkVersions({ ask }: Asking): Promise<Found> {
  const { json } = await ask({ path: "/openapi.json" });
  const { info } = (json ?? {}) as { info?: { version?: unknown } };
  const theirs = typeof info?.version === "string" ? `API ${info.version}` : "an unknown API";
  return {
    verdict: "good",
    says: `durable-promises ${version()} on Node ${process.version}, the server has ${theirs}`,
  };
}
