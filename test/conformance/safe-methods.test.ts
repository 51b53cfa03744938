/**
 * Mail scanners, link previews and crawlers open every address they find: GET, HEAD and OPTIONS
 * change nothing, whatever form they ask for (RFC 9110 section 9.2.1; issue: "PATCH", "One URL by
 * negotiation").
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { HEADER } from "../../client/src/protocol.ts";
import { inTime, openSocket, type SocketAwaiter } from "./awaiter.ts";
import { nodeRequest } from "./raw-request.ts";
import { expectRefusal } from "./refusal.ts";
import { freshId, recordOf, startService, type Service } from "./service.ts";

const OPERATIONS = ["peek", "await", "resolve", "reject", "dispose"];
const ACCEPTS = [
  undefined,
  "*/*",
  "application/json",
  "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  "text/event-stream",
  "image/avif,image/webp",
];

let service: Service;
const absent = freshId("absent");
const pending = freshId("pending");
const settled = freshId("settled");
let before: string[];
let watcher: SocketAwaiter;
/** Every address that exists, those with an id for an absent, a pending and a settled promise. */
let addresses: string[];

async function standing(): Promise<string[]> {
  expectRefusal(await service.read(absent), "not_found");
  const answers = [await service.read(pending), await service.read(settled)];
  return answers.map((answer) => `${answer.status} ${answer.headers.get("etag")} ${answer.text}`);
}

function assetsOf(html: string): string[] {
  return [...html.matchAll(/(?:href|src)="(\/[^"]+)"/g)].map((found) => found[1] ?? "");
}

beforeAll(async () => {
  service = await startService();
  await service.create(pending, { param: { data: 1 } });
  await service.create(settled);
  await service.settle(settled, { state: "RESOLVED", value: { data: 1 } });
  before = await standing();
  watcher = await openSocket(service, pending);
  await watcher.next();

  const { paths } = JSON.parse((await service.send("GET", "/openapi.json")).text) as {
    paths: object;
  };
  const fromDocument = Object.keys(paths).flatMap((path) =>
    path.includes("{id}")
      ? [absent, pending, settled].map((id) => path.replace("{id}", id))
      : path.includes("{operation}")
        ? OPERATIONS.map((operation) => path.replace("{operation}", operation))
        : [path],
  );
  const pages = [];
  for (const path of [
    "/docs",
    `/promises/${pending}`,
    `/promises/${settled}`,
    `/promises/${absent}`,
  ]) {
    pages.push(await service.send("GET", path, { headers: { accept: "text/html" } }));
  }
  const assets = pages.flatMap((page) => assetsOf(page.text));
  addresses = [
    ...new Set([
      ...fromDocument,
      ...assets,
      "/",
      "/docs",
      "/openapi.json",
      "/health",
      "/favicon.ico",
      "/robots.txt",
    ]),
  ];
});
afterAll(() => service.stop());

/** Opens the address and hangs up after the head of the answer. */
async function open(
  method: string,
  target: string,
  headers: Record<string, string> = {},
): Promise<number> {
  const hangUp = new AbortController();
  const answering = fetch(service.url + target, {
    method,
    headers,
    signal: hangUp.signal,
    redirect: "manual",
  });
  const { status } = await inTime(answering, `${method} ${target}`);
  hangUp.abort();
  return status;
}

test("the addresses include promises, operations, pages and what the pages load", () => {
  expect(addresses).toEqual(
    expect.arrayContaining([
      `/promises/${pending}`,
      "/promise/resolve",
      "/durablePromiseServer/dispose",
      "/docs",
    ]),
  );
  expect(addresses.filter((address) => address.startsWith("/assets/")).length).toBeGreaterThan(2);
});

test("GET, HEAD and OPTIONS of every address, in every form, change nothing and break nothing", async () => {
  for (const address of addresses) {
    for (const accept of ACCEPTS) {
      for (const method of ["GET", "HEAD", "OPTIONS"]) {
        const status = await open(method, address, accept === undefined ? {} : { accept });
        expect(status, `${method} ${address} as ${accept}`).toBeLessThan(500);
      }
    }
  }
  expect(await standing()).toEqual(before);
  expect(watcher.unread()).toBe(0);
});

test("links that ask for more than a look change nothing either", async () => {
  const json = encodeURIComponent('{"state":"RESOLVED"}');
  const targets: string[] = [];
  for (const id of [pending, settled, absent]) {
    for (const operation of OPERATIONS) {
      targets.push(
        `/promise/${operation}?promiseId=${id}&value=1&errorMessage=x`,
        `/durablePromiseServer/${operation}?promiseName=${id}&request=${json}`,
        `/promises/${id}/${operation}`,
        `/promises/${id}?${operation}`,
      );
    }
    targets.push(
      `/promises/${id}?state=RESOLVED`,
      `/promises/${id}?_method=PATCH&state=RESOLVED`,
      `/promises/${id}?_method=DELETE`,
      `/promises?id=${id}`,
    );
  }
  for (const target of targets) {
    for (const method of ["GET", "HEAD", "OPTIONS"])
      expect(await open(method, target), target).toBeLessThan(500);
  }
  expect(await standing()).toEqual(before);
});

test("neither a body nor an override makes a safe method unsafe", async () => {
  for (const id of [pending, settled, absent]) {
    for (const override of ["PATCH", "DELETE", "PUT", "POST"]) {
      const headers = {
        "x-http-method-override": override,
        "x-method-override": override,
        "x-http-method": override,
      };
      for (const method of ["GET", "HEAD", "OPTIONS"]) {
        const body = '{"state":"RESOLVED","value":{"data":"forged"}}';
        const answer = await nodeRequest(service, method, `/promises/${id}`, { headers, body });
        expect(answer.status).toBeLessThan(500);
      }
      const operation = await nodeRequest(service, "GET", "/promise/resolve", {
        headers,
        body: JSON.stringify({ promiseId: id, value: 1 }),
      });
      expect(operation.status).toBe(405);
    }
  }
  expect(await standing()).toEqual(before);
  expect(watcher.unread()).toBe(0);
});

test("HEAD is GET without the body: the same status and headers (RFC 9110 section 9.3.2)", async () => {
  // Of the connection, or drawn for every request.
  const hop = new Set<string>([
    "date",
    "connection",
    "keep-alive",
    "transfer-encoding",
    HEADER.requestId,
  ]);
  const different: string[] = [];
  for (const address of addresses) {
    for (const accept of ACCEPTS) {
      const headers: Record<string, string> = accept === undefined ? {} : { accept };
      const what = `${address.replace(/-[-0-9a-f]{36}/, "")} as ${accept}`;
      const head = await inTime(service.send("HEAD", address, { headers }), `HEAD ${what}`);
      expect(head.text).toBe("");
      // The stream of a promise that is not settled has no end to read to, nor has a live list.
      const endless = [pending, absent].some((id) => address.endsWith(id)) || isList(address);
      if (accept === "text/event-stream" && endless) continue;
      if (address.includes("/poll/")) continue;
      const get = await service.send("GET", address, { headers });
      // Both are refused; only the words differ, and which of the two is allowed.
      if (get.status === 405) {
        expect(head.status, what).toBe(405);
        continue;
      }
      if (head.status !== get.status)
        different.push(`${what}: ${get.status}, but HEAD ${head.status}`);
      for (const [name, value] of get.headers) {
        // "The server MAY omit header fields for which a value is determined only while
        // generating the content", which is the length; a wrong one it may not send.
        const said = head.headers.get(name);
        if (hop.has(name) || (name === "content-length" && said === null)) continue;
        if (said !== value) different.push(`${what}: ${name} is ${value}, but for HEAD ${said}`);
      }
    }
  }
  expect(different).toEqual([]);
});

test("a preview that waits does not keep the promise from its settlement", async () => {
  const id = freshId("previewed");
  await service.create(id);
  const polls = ["HEAD", "GET"].map((method) =>
    service.send(method, service.address(id), { headers: { [HEADER.prefer]: "wait=20" } }),
  );
  expect((await service.settle(id, { state: "RESOLVED" })).status).toBe(201);
  for (const poll of polls) expect((await inTime(poll, "the end of the wait")).status).toBe(200);
  expect(recordOf(await service.read(id)).state).toBe("RESOLVED");
});

test("those that watched the pending promise all the while heard nothing but its settlement", async () => {
  await service.settle(pending, { state: "RESOLVED" });
  expect((await watcher.next())?.type).toBe("settled");
});

function isList(address: string): boolean {
  return address.split("?")[0] === "/promises";
}
