/**
 * `doctor` against servers that are well, and against each thing that can be wrong: what it says, what
 * to do about it, and that it changes nothing.
 */
import { once } from "node:events";
import { createServer, type RequestListener, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Finding } from "../../client/src/cli/doctor.ts";
import { DurablePromises } from "../../client/src/index.ts";
import { claims, createSigner, type Signer } from "../conformance/token.ts";
import { deadUrl, type Options, run, startTestServer, type TestServer } from "./cli.ts";

const ADMIN = "doctor-admin-0123456789";
let signer: Signer;
let guarded: TestServer;
let open: TestServer;
beforeAll(async () => {
  signer = await createSigner("EdDSA", "k");
  const env = { API_KEYS: ADMIN, JWT_KEYS: JSON.stringify({ keys: [signer.jwk] }) };
  [guarded, open] = [await startTestServer(env), await startTestServer()];
});
afterAll(async () => {
  await guarded[Symbol.asyncDispose]();
  await open[Symbol.asyncDispose]();
});

async function examine(url: string, token?: string, options: Options = {}) {
  const env = token === undefined ? {} : { DURABLE_PROMISES_TOKEN: token };
  const ran = await run(["doctor", "--json"], { url, env, ...options });
  expect(ran.stderr).toBe("");
  const findings = ran.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Finding);
  const of = (check: string) => findings.find((finding) => finding.check === check);
  return { code: ran.code, findings, of };
}

/** A server of whatever behaviour, while the test runs. */
async function behaving(listener: RequestListener) {
  const server = createServer(listener);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.dispose]: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe("a server that is well", () => {
  test("is found to be, by whoever may do everything", async () => {
    const { code, findings, of } = await examine(guarded.url, ADMIN);
    expect(findings.filter(({ verdict }) => verdict === "bad")).toEqual([]);
    expect(code).toBe(0);
    expect(findings.map(({ check }) => check)).toEqual([
      "url",
      "name",
      "server",
      "ready",
      "clock",
      "key",
      "scopes",
      "websocket",
      "events",
      "index",
      "links",
      "receipts",
      "versions",
    ]);
    expect(of("scopes")?.says).toBe("may create, read, await, settle, admin");
    for (const check of ["clock", "key", "websocket", "events", "index", "links", "receipts"]) {
      expect(of(check)).toMatchObject({ verdict: "good" });
    }
  });

  test("is left as it was", async () => {
    await examine(guarded.url, ADMIN);
    const promises = new DurablePromises({ url: guarded.url, token: ADMIN });
    const [stats, keys] = [await promises.stats(), await promises.keys.list()];
    expect(Object.values(stats.promises)).toEqual([0, 0, 0, 0, 0]);
    expect(keys).toEqual([]);
  });

  test("and asks nobody for a key says so, which is no failure on this machine", async () => {
    const { code, of } = await examine(open.url);
    expect(code).toBe(0);
    expect(of("key")).toMatchObject({
      verdict: "unclear",
      says: "no key, and the server asks for none",
      todo: expect.stringContaining("API_KEYS"),
    });
  });

  test("says each thing in a line for people", async () => {
    const { code, stdout } = await run(["doctor"], { url: open.url });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^✓ url +http/m);
    expect(stdout).toMatch(/^! key +no key.*\n +→ Fine on this machine/m);
  });
});

test("a call without the key that it needs ends with 77, and sends to the doctor", async () => {
  const { code, stderr } = await run(["get", "a"], { url: guarded.url });
  expect(code).toBe(77);
  expect(stderr).toMatch(/^durable-promises: .+\ndurable-promises doctor says more\n$/);
  const named = await run(["get", "a", "--token", ADMIN, "--json"], { url: guarded.url });
  expect(named.code).toBe(66);
});

describe("a key", () => {
  test("that is missing or wrong is the matter, and the rest is not guessed", async () => {
    const missing = await examine(guarded.url);
    expect(missing.code).toBe(1);
    expect(missing.of("key")).toMatchObject({
      verdict: "bad",
      says: "the server wants a key, and there is none",
      todo: expect.stringContaining("DURABLE_PROMISES_TOKEN"),
    });
    const wrong = await examine(guarded.url, "dp_0123456789012345678901234567890123");
    expect(wrong.code).toBe(1);
    expect(wrong.of("key")?.says).toMatch(/^the server does not take the key [0-9a-f]{16}: /);
    for (const check of ["scopes", "websocket", "events", "index", "links"]) {
      expect(wrong.of(check)).toMatchObject({ verdict: "skipped" });
    }
  });

  test("that may do a part is told which", async () => {
    const promises = new DurablePromises({ url: guarded.url, token: ADMIN });
    const reader = await promises.keys.create("reader", { scopes: ["read"], prefixes: ["*"] });
    const narrow = await promises.keys.create("narrow", {
      scopes: ["create", "admin"],
      prefixes: ["team/*"],
    });
    try {
      const may = await examine(guarded.url, reader.key);
      expect(may.of("key")?.says).toBe(`the key ${reader.id} is taken`);
      expect(may.of("scopes")?.says).toBe("may read");
      expect(may.of("websocket")).toMatchObject({
        verdict: "skipped",
        says: expect.stringContaining('scope "await"'),
      });
      expect(may.code).toBe(0);
      const { of } = await examine(guarded.url, narrow.key);
      expect(of("key")?.says).toBe(`the key ${narrow.id} is "narrow" for team/*`);
      expect(of("scopes")?.says).toBe(
        "may create, read, await, settle, admin, within its prefixes",
      );
    } finally {
      for (const { id } of [reader, narrow]) await promises.keys.revoke(id);
    }
  });

  test("that is a token is shown by its claims, and when it has ended", async () => {
    const token = await signer.sign(claims({ scope: "read await", prefixes: ["*"] }));
    const good = await examine(guarded.url, token);
    expect(good.of("key")?.says).toMatch(
      /^the token is taken, of ada, until 20.* \(in (?:59m(?: \d+s)?|1h)\)$/,
    );
    expect(good.of("scopes")?.says).toBe("may read, await");
    const exp = Math.floor(Date.now() / 1000) - 7200;
    const over = await examine(guarded.url, await signer.sign(claims({ exp })));
    expect(over.of("key")).toMatchObject({
      verdict: "bad",
      says: expect.stringMatching(/^the token has expired: .*\(2h(?: \d+s)? ago\)$/),
    });
  });
});

/** Reads the whole answer before it passes on any of it. */
async function passOn(
  url: string,
  method: string,
  accept: string | undefined,
  response: ServerResponse,
): Promise<void> {
  try {
    const answer = await fetch(url, {
      method,
      headers: { accept: accept ?? "", "content-type": "application/json" },
      ...(method !== "GET" && { body: JSON.stringify({ timeout: "x", state: "x" }) }),
    });
    const text = await answer.text();
    response.writeHead(answer.status, { "content-type": "application/json" }).end(text);
  } catch {
    response.destroy(); // The server behind it was stopped.
  }
}

describe("what is in the way", () => {
  test.each([
    ["example.com", "url", /is not a URL/],
    ["ftp://example.com", "url", /begins with ftp:/],
    ["http://a:b@example.com", "url", /a query, a fragment or a password/],
    ["http://no-such-host.invalid", "name", /no-such-host\.invalid cannot be resolved/],
  ])("%s is named: %s", async (url, check, says) => {
    const { code, findings } = await examine(url);
    expect(code).toBe(1);
    expect(findings.at(-1)).toMatchObject({ check, verdict: "bad" });
    expect(findings.at(-1)?.says).toMatch(says);
    expect(findings.at(-1)?.todo).toMatch(/^[A-Z].*\.$/);
  });

  test("a port where nobody listens is named", async () => {
    const { findings } = await examine(await deadUrl());
    expect(findings.at(-1)).toMatchObject({
      check: "server",
      says: expect.stringContaining("nobody listens there"),
      todo: expect.stringContaining("npm start"),
    });
  });

  test("a server without keys, another server, one that sends us on, and one without TLS are told apart", async () => {
    using other = await behaving((_, response) => response.end("<h1>It works!</h1>"));
    expect((await examine(other.url)).findings.at(-1)?.says).toMatch(
      /health answers 200: <h1>It works!<\/h1>, which a promise server does not$/,
    );
    using moved = await behaving((_, response) => {
      response.writeHead(301, { location: "https://example.com/" }).end();
    });
    expect((await examine(moved.url)).findings.at(-1)).toMatchObject({
      says: expect.stringContaining("sends us on to https://example.com/"),
      todo: "Use that URL instead.",
    });
    using empty = await behaving((_, response) => {
      const problem = { status: 503, code: "not_configured", detail: "Set API_KEYS" };
      response.writeHead(503, { "content-type": "application/problem+json" });
      response.end(JSON.stringify(problem));
    });
    expect((await examine(empty.url)).findings.at(-1)?.says).toBe(
      "the server has no keys yet: Set API_KEYS",
    );
    const { findings } = await examine(other.url.replace("http:", "https:"));
    expect(findings.at(-1)).toMatchObject({ todo: "Use http:// in the URL." });
  });

  test("a line that is cut at once is told from one where nobody listens", async () => {
    const cutting = createTcpServer((socket) => socket.destroy());
    await once(cutting.listen(0, "127.0.0.1"), "listening");
    const { port } = cutting.address() as AddressInfo;
    const { findings } = await examine(`http://127.0.0.1:${port}`);
    expect(findings.at(-1)?.says).toContain("the line is cut at once");
    cutting.close();
  });

  test("a proxy that takes no sockets and keeps events back, a clock that is off, an index that fails", async () => {
    const behind = 120_000;
    using proxy = await behaving((request, response) => {
      const { url = "", method = "GET", headers } = request;
      if (url === "/stats") return void response.end(JSON.stringify({ at: Date.now() - behind }));
      if (url.startsWith("/promises?")) return void response.writeHead(500).end("{}");
      if (headers.upgrade !== undefined) return void response.writeHead(400).end();
      // An event stream never ends, so a proxy that waits for its end never answers.
      void passOn(open.url + url, method, headers.accept, response);
    });
    const { code, of } = await examine(proxy.url);
    expect(code).toBe(1);
    expect(of("websocket")).toMatchObject({
      verdict: "unclear",
      todo: expect.stringContaining("pass on Upgrade"),
    });
    expect(of("events")).toMatchObject({
      verdict: "unclear",
      todo: expect.stringContaining("not to buffer"),
    });
    expect(of("clock")).toMatchObject({
      verdict: "unclear",
      says: expect.stringMatching(/^this clock is (?:1m 5\ds|2m(?: \ds)?) ahead of the server's$/),
    });
    expect(of("index")).toMatchObject({ verdict: "bad" });
  });
});
