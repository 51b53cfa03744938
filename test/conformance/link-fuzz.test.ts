/**
 * 10,000 tokens that nobody has signed: none is accepted, none breaks anything, and none reaches an
 * object, not even one that it makes up (issue 3, "Fuzz").
 *
 * Same seed, same tokens: SEED=… repeats a run.
 */
import { createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { LIMITS } from "../../client/src/protocol.ts";
import { startServer, type Server } from "../../src/local/server.ts";
import { createRandom, type Random } from "../model/seeded.ts";
import { eventually } from "../eventually.ts";
import { MEMORY } from "../memory.ts";

vi.setConfig({ testTimeout: 120_000 });

const SEED = Number(process.env["SEED"] ?? 20_261_123);
const TOKENS = 10_000;
const CALLERS = 12;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const KEY = randomBytes(32);
const JSON_TYPE = { "content-type": "application/json" };

const data = mkdtempSync(join(MEMORY, "durable-promises-fuzz-"));
const agent = new Agent({ keepAlive: true, maxSockets: CALLERS });
let server: Server;
let log = "";
/** Good ones, as made: never to be sent but where they do not belong. */
let page: Token;
let callback: Token;
let expired: Token;

interface Token {
  token: string;
  key: string;
  claims: string;
  signature: string;
}

beforeAll(async () => {
  server = await startServer({
    data,
    env: { LINK_KEYS: `k1:${KEY.toString("base64")},k0:${randomBytes(32).toString("base64")}` },
    log: (text) => (log += text),
  });
  for (const id of ["fuzz/one", "fuzz/two"]) await json("PUT", `/promises/${id}`, {});
  page = await made({ promise: "fuzz/one", uses: 1000 });
  callback = await made({ promise: "fuzz/two", allow: "callback", uses: 1000 });
  expired = await made({ promise: "fuzz/one", expiresIn: 0 });
});
afterAll(async () => {
  agent.destroy();
  await server?.stop();
  rmSync(data, { recursive: true, force: true });
});

async function json(method: string, path: string, body: unknown): Promise<string> {
  const init = { method, headers: JSON_TYPE, body: JSON.stringify(body) };
  const response = await fetch(server.url + path, init);
  expect(response.status).toBe(201);
  return response.text();
}

async function made(body: object): Promise<Token> {
  const { url } = JSON.parse(await json("POST", "/links", body)) as { url: string };
  const token = new URL(url).pathname.slice(3);
  const [key = "", claims = "", signature = ""] = token.split(".");
  return { token, key, claims, signature };
}

interface Answer {
  status: number;
  type: string;
  text: string;
}

/** A path as it is: `fetch` would put it in order. */
function ask(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(server.url);
    const outgoing = request(
      {
        host: "127.0.0.1",
        port,
        method,
        path,
        agent,
        headers: {
          ...headers,
          ...(body !== undefined && { "content-length": String(Buffer.byteLength(body)) }),
        },
      },
      (incoming) => {
        const type = incoming.headers["content-type"] ?? "";
        let text = "";
        incoming.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        incoming.on("error", reject);
        incoming.on("end", () => {
          resolve({ status: incoming.statusCode ?? 0, type, text });
        });
        // It would go on for ever; that there is one says enough.
        if (type.startsWith("text/event-stream")) {
          resolve({ status: incoming.statusCode ?? 0, type, text });
          incoming.destroy();
        }
      },
    );
    outgoing.setTimeout(20_000, () =>
      outgoing.destroy(new Error(`no answer to ${method} ${path}`)),
    );
    outgoing.on("error", (error: NodeJS.ErrnoException) => {
      // A line that the server has closed in the meantime is nobody's fault: once more on a new one.
      const isStale = outgoing.reusedSocket && error.code === "ECONNRESET";
      if (isStale) resolve(ask(method, path, headers, body));
      else reject(error);
    });
    outgoing.end(body);
  });
}

const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const signed = (text: string, key: Buffer | string, hash = "sha256"): string =>
  `${text}.${createHmac(hash, key).update(text).digest("base64url")}`;

function index(random: Random, below: number): number {
  return random.pick(Array.from({ length: Math.max(1, below) }, (_, at) => at));
}

function noise(random: Random, length: number): string {
  return Array.from({ length }, () => random.pick(Array.from(ALPHABET))).join("");
}

/** The last character of a signature has two bits that mean nothing. */
function respelled(signature: string, random: Random): string {
  const last = ALPHABET.indexOf(signature.at(-1) ?? "A");
  const others = [0, 1, 2, 3].map((bits) => (last & ~3) | bits).filter((other) => other !== last);
  return signature.slice(0, -1) + (ALPHABET[random.pick(others)] ?? "");
}

function forgedClaims(good: Token, random: Random): string {
  const [promise, link, expiresAt, use] = JSON.parse(
    Buffer.from(good.claims, "base64url").toString(),
  ) as [string, string, number, string];
  const forged = random.pick<() => unknown>([
    () => [`made-up/${noise(random, 8)}`, link, expiresAt, use],
    () => ["fuzz/two", link, expiresAt, use],
    () => [promise, link, expiresAt + 1000 * index(random, 1000) + 1, use],
    () => [promise, link, Number.MAX_SAFE_INTEGER, use],
    () => [promise, link, expiresAt, use === "page" ? "callback" : "page"],
    () => [promise, `${link.slice(0, -1)}_`, expiresAt, use],
    () => [promise, link, expiresAt],
    () => [null, null, null, null],
    () => [{ toString: "x" }, [], "x", use],
    () => ({ promiseId: promise, linkId: link, expiresAt, use }),
    () => "page",
    () => null,
  ])();
  return b64(forged);
}

/** From a good token a bad one; those that are the good one still are drawn again. */
const MUTATIONS: Record<string, (good: Token, random: Random) => string> = {
  "another character": ({ token }, random) => {
    const at = index(random, token.length);
    return token.slice(0, at) + random.pick(Array.from(`${ALPHABET}.~`)) + token.slice(at + 1);
  },
  "a flipped bit of the signature": ({ key, claims, signature }, random) => {
    const bytes = Buffer.from(signature, "base64url");
    bytes[index(random, bytes.length)]! ^= 1 << index(random, 8);
    return `${key}.${claims}.${bytes.toString("base64url")}`;
  },
  "a flipped bit of the claims": ({ key, claims, signature }, random) => {
    const bytes = Buffer.from(claims, "base64url");
    bytes[index(random, bytes.length)]! ^= 1 << index(random, 8);
    return `${key}.${bytes.toString("base64url")}.${signature}`;
  },
  truncated: ({ token }, random) => token.slice(0, index(random, token.length)),
  "its beginning cut off": ({ token }, random) => token.slice(1 + index(random, token.length - 1)),
  lengthened: ({ token }, random) => token + noise(random, 1 + index(random, 50)),
  "another key": ({ claims, signature }, random) => {
    const names = ["k0", "k2", "", "K1", "__proto__", "constructor", "toString", "local", "k1,k0"];
    return `${random.pick([...names, noise(random, 32)])}.${claims}.${signature}`;
  },
  "other claims": (good, random) => `${good.key}.${forgedClaims(good, random)}.${good.signature}`,
  "other claims, signed by another key": (good, random) => {
    const keys = ["", "k1", KEY.toString("base64"), Buffer.alloc(32), randomBytes(32)];
    return signed(`${good.key}.${forgedClaims(good, random)}`, random.pick(keys));
  },
  "another algorithm": (good, random) => {
    const hash = random.pick(["sha1", "sha384", "sha512", "md5"]);
    return signed(`${good.key}.${good.claims}`, KEY, hash);
  },
  "the signature of something else": (good, random) => {
    const others = [good.claims, `.${good.claims}`, `k0.${good.claims}`, good.key, ""];
    const signature = signed(random.pick(others), KEY).split(".").at(-1);
    return `${good.key}.${good.claims}.${signature}`;
  },
  "the signature of another link": (good, random) =>
    `${good.key}.${good.claims}.${random.pick([page, callback, expired].filter((one) => one !== good)).signature}`,
  "no signature": ({ key, claims }, random) =>
    `${key}.${claims}${random.pick(["", ".", ".none", ".null", ".AA", `.${"A".repeat(43)}`])}`,
  huge: ({ token }, random) =>
    random.pick([
      () => token.padEnd(4097 + index(random, 3000), "A"),
      () => `k1.${noise(random, 4000)}.${noise(random, 43)}`,
      () => noise(random, LIMITS.urlCharactersMax),
      () => ".".repeat(5000),
    ])(),
  "other scripts": ({ token }, random) => {
    const strange = [
      "é",
      "日本",
      "🚀",
      "\u202e",
      "\ufeff",
      "ｋ１",
      "․",
      "\u0000",
      "\n",
      "\r\n",
      " ",
    ];
    const at = index(random, token.length + 1);
    return token.slice(0, at) + encodeURIComponent(random.pick(strange)) + token.slice(at);
  },
  "bytes that are no UTF-8": ({ token }, random) => {
    const at = index(random, token.length + 1);
    return (
      token.slice(0, at) +
      random.pick(["%ff", "%c0%80", "%ed%a0%80", "%", "%0", "%zz", "ÿ"]) +
      token.slice(at)
    );
  },
  "dots that lead elsewhere": ({ token }, random) =>
    random.pick(["../", "..%2f", "%2e%2e/", "..\\", "./", "a/../../", "..;/", "%2e%2e%2f"]) +
    random.pick([token.slice(1), "promises/fuzz/one", "c/x", "", "links"]),
  "zeros and ends": ({ token }, random) => {
    const at = index(random, token.length + 1);
    return (
      token.slice(0, at) + random.pick(["%00", "%0a", "%20", "%2e", "%25", "%2F"]) + token.slice(at)
    );
  },
  padded: ({ key, claims, signature }, random) =>
    random.pick([
      `${key}.${claims}.${signature}=`,
      `${key}.${claims}.${signature}==`,
      `${key}.${claims}.${signature}%3D`,
      `${key}.${claims}=.${signature}`,
      `${key}.${claims}%3D%3D.${signature}`,
      `${key}=.${claims}.${signature}`,
    ]),
  "another spelling of the signature": ({ key, claims, signature }, random) =>
    `${key}.${claims}.${respelled(signature, random)}`,
  "the other alphabet": ({ key, claims, signature }) =>
    `${key}.${claims}.${signature.replaceAll("-", "+").replaceAll("_", "%2F")}x`,
  "percent-encoded": ({ token }, random) => {
    const at = index(random, token.length);
    const code = token.codePointAt(at) ?? 0;
    return `${token.slice(0, at)}%${code.toString(16)}${token.slice(at + 1)}`;
  },
  "more or fewer parts": ({ token, key, claims, signature }, random) =>
    random.pick([
      `${token}.`,
      `.${token}`,
      `${token}.x`,
      `${key}..${claims}.${signature}`,
      `${claims}.${key}.${signature}`,
      `${key}.${signature}.${claims}`,
      `${key}${claims}${signature}`,
      `${key}.${claims}.${signature}.${signature}`,
      "...",
      "undefined",
      "[object%20Object]",
    ]),
  "another case": ({ token }, random) =>
    random.pick([token.toUpperCase(), token.toLowerCase(), `K1${token.slice(2)}`]),
  noise: (_, random) => `k1.${noise(random, 1 + index(random, 200))}.${noise(random, 43)}`,
  expired: () => expired.token,
};

/** A token and the door it is tried at: `/l/` for a page, `/c/` for a callback, or the wrong one. */
function drawPath(random: Random): { path: string; kind: string } {
  const good = random.pick([page, callback]);
  const door = good === page ? "/l/" : "/c/";
  if (random.chance(0.03)) {
    return { path: (door === "/l/" ? "/c/" : "/l/") + good.token, kind: "the wrong door" };
  }
  for (;;) {
    const kind = random.pick(Object.keys(MUTATIONS));
    const token = MUTATIONS[kind]!(good, random);
    if (token !== good.token)
      return { path: random.pick([door, door, "/l/", "/c/"]) + token, kind };
  }
}

const MANNERS: ((path: string) => Promise<Answer>)[] = [
  (path) => ask("GET", path, { accept: "text/html" }),
  (path) => ask("GET", path),
  (path) => ask("GET", path, { accept: "text/event-stream" }),
  (path) => ask("HEAD", path),
  (path) => ask("POST", path, JSON_TYPE, '{"state":"RESOLVED"}'),
  (path) => ask("POST", path, JSON_TYPE, '{"state":"RESOLVED"}'),
  (path) =>
    ask(
      "POST",
      path,
      { "content-type": "application/x-www-form-urlencoded", accept: "text/html" },
      "outcome=resolved",
    ),
];

/** Each object is a file. */
function files(): string[] {
  return readdirSync(join(data, "objects"), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".sqlite"))
    .toSorted();
}

async function standing(): Promise<string> {
  const paths = ["fuzz/one", "fuzz/two"].flatMap((id) => [
    `/promises/${id}`,
    `/links?promise=${id}`,
  ]);
  const answers = await Promise.all(paths.map((path) => ask("GET", path)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  return answers.map(({ text }) => text).join("\n");
}

/** The index hears of a promise beside the answer, and has its files then. */
async function filesAtRest(): Promise<string[]> {
  await eventually(async () => {
    const body = { kind: "promise.search", head: { corrId: "1", version: "2026-04-01" }, data: {} };
    const found = await ask("POST", "/rpc", JSON_TYPE, JSON.stringify(body));
    expect(found.text).toContain("fuzz/one");
    expect(found.text).toContain("fuzz/two");
  });
  return files();
}

/** What an attacker may be told: that there is nothing, that it makes no sense, that it is too much. */
const REFUSALS = new Set([400, 404, 405, 414, 429]);

test(`of ${TOKENS} tokens none is accepted, none breaks, none touches an object (seed ${SEED})`, async () => {
  const random = createRandom(SEED);
  const before = await standing();
  const filesBefore = await filesAtRest();
  const cases = Array.from({ length: TOKENS }, () => ({
    ...drawPath(random),
    manner: random.pick(MANNERS),
  }));
  const wrong: string[] = [];
  const kinds = new Set<string>();
  let next = 0;
  async function caller(): Promise<void> {
    for (let one = cases[next++]; one; one = cases[next++]) {
      const { status, text, type } = await one.manner(one.path);
      kinds.add(one.kind);
      // What `..` leads to is another address, and its own matter.
      const isElsewhere = one.kind.startsWith("dots") && status < 500 && status !== 303;
      const isRefused = REFUSALS.has(status) && (isElsewhere || !type.includes("event-stream"));
      if (!isRefused && !isElsewhere) {
        wrong.push(`${one.kind}: ${status} to ${one.path.slice(0, 300)}: ${text.slice(0, 200)}`);
      }
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller));
  expect(wrong).toEqual([]);
  expect(kinds).toEqual(new Set([...Object.keys(MUTATIONS), "the wrong door"]));
  expect(await standing()).toBe(before);
  expect(files()).toEqual(filesBefore);
  // Neither does anything say why, where an operator's log is read by more than the operator.
  for (const secret of [page.token, callback.token, page.signature, KEY.toString("base64")]) {
    expect(log).not.toContain(secret);
  }
});

test("the good tokens are good all the same, each at its own door", async () => {
  expect((await ask("GET", `/l/${page.token}`)).status).toBe(200);
  expect((await ask("POST", `/c/${callback.token}`, JSON_TYPE, "{}")).status).toBe(200);
});

/** But for a key that is drawn anew each time, which is not the seed's matter. */
function drawPaths(seed: number): string[] {
  const random = createRandom(seed);
  return Array.from({ length: 300 }, () => drawPath(random))
    .filter(({ kind }) => kind !== "other claims, signed by another key")
    .map(({ path }) => path);
}

test("same seed, same tokens", () => {
  expect(drawPaths(SEED)).toEqual(drawPaths(SEED));
});
