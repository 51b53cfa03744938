/**
 * What `doctor` finds out about the key: whether it is taken, which one it is, and what it may do, as
 * far as that can be told from outside.
 */
import { createHash } from "node:crypto";
import { type ApiKey, type Scope, SCOPES } from "../index.ts";
import { promisePath } from "../id.ts";
import type { Finding } from "./doctor.ts";
import type { Answered, Asked, Asking } from "./doctor-ask.ts";
import { instantText } from "./look.ts";

type Found = Omit<Finding, "check">;

export async function checkKey(asking: Asking): Promise<Found> {
  const { ask, token, nobody } = asking;
  const path = promisePath(nobody);
  const { status, code, detail } = await ask({ path });
  if (token === undefined) return withoutKey(status);
  if (status === 401 || code === "unauthorized") {
    const expired = jwtOf(token)?.["exp"];
    const isOver = typeof expired === "number" && expired * 1000 < Date.now();
    return {
      verdict: "bad",
      says: isOver
        ? `the token has expired: ${instantText(expired * 1000, Date.now())}`
        : `the server does not take ${nameOf(token)}: ${detail}`,
      todo: "Set DURABLE_PROMISES_TOKEN or --token to a key that is valid there.",
    };
  }
  // Without a key it would be taken too: then the key says nothing.
  const { status: without } = await ask({ path, isAnonymous: true });
  const who = await describe(asking);
  if (without !== 401) {
    return { verdict: "unclear", says: `${who}; the server asks nobody for a key`, todo: OPEN };
  }
  return { verdict: "good", says: who };
}

const OPEN = "Fine on this machine; set API_KEYS on the server before others can reach it.";

function withoutKey(status: number): Found {
  if (status !== 401) {
    return { verdict: "unclear", says: "no key, and the server asks for none", todo: OPEN };
  }
  return {
    verdict: "bad",
    says: "the server wants a key, and there is none",
    todo: "Set DURABLE_PROMISES_TOKEN or --token.",
  };
}

/** Which key it is; an admin is told what was written down for it. */
async function describe({ ask, token = "" }: Asking): Promise<string> {
  const claims = jwtOf(token);
  if (claims) return jwtText(claims);
  if (!token.startsWith("dp_")) return `${nameOf(token)} is taken`;
  const { json } = await ask({ path: "/keys" });
  const { keys = [] } = (json ?? {}) as { keys?: ApiKey[] };
  const own = keys.find(({ id }) => id === idOf(token));
  if (!own) return `${nameOf(token)} is taken`;
  const end =
    own.expiresAt === undefined ? "" : `, until ${instantText(own.expiresAt, Date.now())}`;
  return `${nameOf(token)} is "${own.name}" for ${own.prefixes.join(" ")}${end}`;
}

/** As `GET /keys` shows it. */
function idOf(token: string): string {
  return createHash("sha256").update(token).digest("hex").slice(0, 16);
}

function nameOf(token: string): string {
  if (jwtOf(token)) return "the token";
  return token.startsWith("dp_") ? `the key ${idOf(token)}` : "the key";
}

function jwtOf(token: string): Record<string, unknown> | undefined {
  const [, payload] = /^[\w-]+\.([\w-]+)\.[\w-]*$/.exec(token) ?? [];
  if (payload === undefined) return undefined;
  try {
    return JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function jwtText(claims: Record<string, unknown>): string {
  const { sub, exp, iss } = claims;
  const parts = [
    "the token is taken",
    ...(typeof sub === "string" ? [`of ${sub}`] : []),
    ...(typeof iss === "string" ? [`by ${iss}`] : []),
    ...(typeof exp === "number" ? [`until ${instantText(exp * 1000, Date.now())}`] : []),
  ];
  return parts.join(", ");
}

/** In a way that changes nothing, even where it is allowed. */
const PROBES: Record<Scope, (path: string) => Asked> = {
  create: (path) => ({ method: "PUT", path, body: { timeout: "no deadline" } }),
  read: (path) => ({ path }),
  await: (path) => ({ path: `${path}?wait=0s` }),
  settle: (path) => ({ method: "PATCH", path, body: { state: "NO_STATE" } }),
  admin: (path) => ({ method: "DELETE", path }),
};

export async function checkScopes({ ask, nobody }: Asking): Promise<Found> {
  const path = promisePath(nobody);
  const asked = SCOPES.map(async (scope) => [scope, await ask(PROBES[scope](path))] as const);
  const answers = await Promise.all(asked);
  const refused = answers.find(([, { status }]) => status === 401);
  if (refused) return { verdict: "skipped", says: "nothing can be told without a valid key" };
  const may = answers.filter(([, answer]) => !isWithout(answer)).map(([scope]) => scope);
  if (may.length === 0) {
    const todo =
      'Ask for a key that may: durable-promises keys create ci --scope read --prefix "*"';
    return { verdict: "bad", says: "the key may do nothing", todo };
  }
  const isNarrow = answers.some(([scope, answer]) => scope === "create" && isOutside(answer));
  const where = isNarrow ? ", within its prefixes" : "";
  return { verdict: "good", says: `may ${may.join(", ")}${where}` };
}

/** RFC 6750, section 3.1. */
function isWithout({ headers }: Answered): boolean {
  return headers.get("www-authenticate")?.includes("insufficient_scope") ?? false;
}

function isOutside(answer: Answered): boolean {
  return answer.status === 403 && !isWithout(answer);
}
