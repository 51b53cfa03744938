/**
 * What mail scanners, link previews, prefetching browsers and crawlers do to an address that was
 * mailed to somebody, before that person has read the mail: they change nothing, and the person's
 * click still works (issue 3, "Scanner simulation").
 *
 * Same seed, same sequences: SEED=… repeats a run.
 */
import { request } from "node:http";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createRandom, type Random } from "../model/seeded.ts";
import { decide, makeLink, recordAt, submit, type MadeLink } from "./link.ts";
import { freshId, startService, type Service } from "./service.ts";

vi.setConfig({ testTimeout: 180_000 });

const SEED = Number(process.env["SEED"] ?? 20_261_123);
const SEQUENCES = 210;
const VISITS_MAX = 14;

const METHODS =
  "GET GET GET GET HEAD HEAD OPTIONS TRACE PROPFIND REPORT SEARCH LOCK MKCOL COPY PUT PATCH DELETE".split(
    " ",
  );
const ACCEPTS: Record<string, string>[] = [
  {},
  { accept: "*/*" },
  { accept: "text/html,application/xhtml+xml,*/*;q=0.8" },
  { accept: "application/json" },
  { accept: "text/event-stream" },
  { accept: "image/avif,image/webp" },
];
const MANNERS: Record<string, string>[] = [
  {},
  { "sec-purpose": "prefetch" },
  { "sec-purpose": "prefetch;prerender", purpose: "prefetch" },
  { purpose: "prefetch" },
  { "x-purpose": "preview" },
  { "x-moz": "prefetch" },
  { "user-agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)" },
  { "user-agent": "Mozilla/5.0 (compatible; Barracuda Sentinel (EE))" },
  { "sec-fetch-mode": "navigate", "sec-fetch-site": "cross-site", "sec-fetch-dest": "document" },
  { "x-http-method-override": "POST", "x-http-method": "POST", "x-method-override": "POST" },
  { referer: "https://mail.example/" },
];
const COOKIES: Record<string, string>[] = [
  {},
  { cookie: "session=abc; csrf=x" },
  { cookie: "x".repeat(3000) },
];
const RANGES: Record<string, string>[] = [
  {},
  { range: "bytes=0-0" },
  { range: "bytes=0-1023,-1" },
  { "if-none-match": "*" },
  { "if-modified-since": "Thu, 01 Jan 1970 00:00:00 GMT" },
];
const BODIES = [undefined, undefined, '{"state":"RESOLVED"}', "outcome=resolved"];
const TYPES = ["application/json", "application/x-www-form-urlencoded"];

/** Ways to write an address down that a scanner may follow. */
const SPELLINGS: ((path: string) => string)[] = [
  (path) => path,
  (path) => path,
  (path) => path,
  (path) => `${path}?utm_source=mail`,
  (path) => `${path}?outcome=resolved&csrf=x`,
  (path) => `${path}/`,
  (path) => path.toUpperCase(),
  (path) => `/${path}`,
  (path) => `${path}.`,
  (path) => path.replace(/^\/[lc]\//, "/l/"),
  (path) => path.replace(/^\/[lc]\//, "/c/"),
];

interface Mail {
  id: string;
  /** By what they allow. */
  links: Record<"choose" | "fixed" | "await" | "callback", MadeLink>;
}

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

async function writeMail(): Promise<Mail> {
  const id = freshId("mailed");
  await service.create(id, { form: { title: "Pay?" }, requestedBy: "bob" });
  const outcome = { state: "RESOLVED", value: { data: "fixed" } };
  const links = {
    choose: await makeLink(service, id, { audience: "Ada" }),
    fixed: await makeLink(service, id, { allow: "fixed", outcome }),
    await: await makeLink(service, id, { allow: "await" }),
    callback: await makeLink(service, id, { allow: "callback" }),
  };
  return { id, links };
}

/** Everything that could have changed, as bytes. */
async function standing({ id }: Mail): Promise<string> {
  const record = await service.read(id);
  const links = await service.send("GET", `/links?promise=${id}`);
  return `${record.status} ${record.headers.get("etag")} ${record.text}\n${links.text}`;
}

interface Visit {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
}

/** Hangs up after the head of the answer: a live stream would go on. */
function visited({ method, path, headers, body }: Visit): Promise<number> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const outgoing = request(
      { host: "127.0.0.1", port: service.port, method, path, headers: { ...headers, ...length } },
      (incoming) => {
        resolve(incoming.statusCode ?? 0);
        incoming.on("error", () => undefined);
        incoming.destroy();
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

function drawVisit(random: Random, { id, links }: Mail): Visit {
  const link = random.pick(Object.values(links));
  const paths = [
    ...Array.from({ length: 8 }, () => random.pick(SPELLINGS)(link.path)),
    `/links?promise=${id}`,
    `/links/${link.id}x`,
    `/promises/${id}`,
    `/receipts/${id}`,
    "/.well-known/jwks.json",
    "/assets/approval.js",
  ];
  const path = random.pick(paths);
  const body = random.pick(BODIES);
  const isOurs = /^\/(?:l|c)\//i.test(path);
  return {
    // What may change a promise by its own address is not what a scanner knows.
    method: isOurs ? random.pick(METHODS) : random.pick(["GET", "HEAD", "OPTIONS"]),
    path,
    headers: {
      ...random.pick(ACCEPTS),
      ...random.pick(MANNERS),
      ...random.pick(COOKIES),
      ...random.pick(RANGES),
      ...(body !== undefined && { "content-type": random.pick(TYPES) }),
    },
    body,
  };
}

/** The person, at last. */
const CLICKS: Record<string, (mail: Mail) => Promise<[status: number, data: unknown]>> = {
  form: async ({ links }) => [
    (await submit(service, links.choose, { outcome: "resolved" })).status,
    undefined,
  ],
  api: async ({ links }) => [
    (await decide(service, links.choose, { state: "RESOLVED", value: { data: "api" } })).status,
    "api",
  ],
  "fixed form": async ({ links }) => [
    (await submit(service, links.fixed, { outcome: "resolved" })).status,
    "fixed",
  ],
  fixed: async ({ links }) => [(await service.send("POST", links.fixed.path)).status, "fixed"],
  callback: async ({ links }) => [
    (await service.send("POST", links.callback.path, { body: "{}" })).status,
    {},
  ],
};

test(`in ${SEQUENCES} sequences of visits nothing changes, and the click still works (seed ${SEED})`, async () => {
  const random = createRandom(SEED);
  const met = new Set<string>();
  for (let sequence = 0; sequence < SEQUENCES; sequence += 1) {
    const mail = await writeMail();
    const before = await standing(mail);
    expect(before).toContain('"uses":0');
    const visits = Array.from({ length: VISITS_MAX }, () => drawVisit(random, mail));
    const story = visits.map((visit) => JSON.stringify(visit));
    // Scanners come one after the other, and in swarms.
    const isSwarm = random.chance(0.3);
    const statuses: number[] = [];
    if (isSwarm) statuses.push(...(await Promise.all(visits.map(visited))));
    else for (const visit of visits) statuses.push(await visited(visit));
    for (const [index, status] of statuses.entries()) {
      // 501 is workerd's own word for a method that it has never heard of.
      expect(status === 501 || status < 500, `${status} to ${story[index]}`).toBe(true);
      met.add(visits[index]!.method);
    }
    expect(await standing(mail), `sequence ${sequence}:\n${story.join("\n")}`).toBe(before);
    const name = random.pick(Object.keys(CLICKS));
    const [status, data] = await CLICKS[name]!(mail);
    expect([200, 303], `${name} in sequence ${sequence}`).toContain(status);
    const record = await recordAt(service, mail.id);
    expect(record.state).toBe("RESOLVED");
    expect(record.value.data).toEqual(data);
    met.add(name);
  }
  expect(met).toEqual(new Set([...METHODS, ...Object.keys(CLICKS)]));
});

test("every method in every manner at every link, once, changes nothing", async () => {
  const mail = await writeMail();
  const before = await standing(mail);
  for (const { path } of Object.values(mail.links)) {
    for (const method of new Set(METHODS)) {
      for (const headers of [...ACCEPTS, ...MANNERS, ...COOKIES, ...RANGES]) {
        const status = await visited({ method, path, headers, body: undefined });
        expect(status === 501 || status < 500, `${status} to ${method} ${path}`).toBe(true);
      }
    }
  }
  expect(await standing(mail)).toBe(before);
  expect((await decide(service, mail.links.choose)).status).toBe(200);
});

test("what has a page is shown to a look, and what has none says which method it takes", async () => {
  const { links } = await writeMail();
  for (const kind of ["choose", "fixed", "await"] as const) {
    const { path } = links[kind];
    for (const method of ["GET", "HEAD"]) {
      expect((await service.send(method, path, { headers: { accept: "text/html" } })).status).toBe(
        200,
      );
    }
    expect((await service.send("OPTIONS", path)).headers.get("allow")).toBe(
      "GET, HEAD, POST, OPTIONS",
    );
    expect((await service.send("DELETE", path)).status).toBe(405);
  }
  for (const method of ["GET", "HEAD", "PUT", "DELETE", "PATCH"]) {
    const answer = await service.send(method, links.callback.path);
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "POST, OPTIONS"]);
  }
});

test("a prefetched page is not kept, so that the click meets the promise as it is", async () => {
  const { id, links } = await writeMail();
  const headers = { "sec-purpose": "prefetch", accept: "text/html" };
  const early = await service.send("GET", links.choose.path, { headers });
  expect(early.headers.get("cache-control")).toBe("no-store");
  expect(early.headers.get("set-cookie")).toBeNull();
  await service.settle(id, { state: "REJECTED" });
  const late = await service.send("GET", links.choose.path, { headers });
  expect(late.text).not.toContain("<form");
});
