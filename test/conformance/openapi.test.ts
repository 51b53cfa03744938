/**
 * The document at /openapi.json tells the truth: it is sound in itself, every answer we can cause
 * is declared in it, and what it allows is accepted (issue: "OpenAPI 3.1 at /openapi.json").
 */
import { Validator } from "@cfworker/json-schema";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ERRORS, LIMITS, STATES } from "../../client/src/protocol.ts";
import { inTime, openSocket } from "./awaiter.ts";
import { staleCsrf } from "./link.ts";
import { nodeRequest } from "./raw-request.ts";
import { expectRefusal } from "./refusal.ts";
import {
  freshId,
  recordOf,
  startService,
  type Answer,
  type SendOptions,
  type Service,
} from "./service.ts";
import { eventually } from "../eventually.ts";

type Schema = Record<string, unknown>;
interface Media {
  schema?: Schema;
}
interface DeclaredResponse {
  description?: string;
  headers?: Record<string, { required?: boolean; schema?: Schema }>;
  content?: Record<string, Media>;
}
interface Operation {
  operationId?: string;
  summary?: string;
  parameters?: { name: string; in: string; required?: boolean; schema?: Schema }[];
  requestBody?: { required?: boolean; content: Record<string, Media> };
  responses: Record<string, DeclaredResponse>;
  security?: Schema[];
}
interface Document {
  openapi: string;
  info: { title?: string; version?: string };
  servers?: { url: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema>; securitySchemes?: Record<string, Schema> };
  security?: Schema[];
}

const NDJSON = { "content-type": "application/x-ndjson" };

const METHODS = ["get", "put", "post", "patch", "delete", "head", "options", "trace"];

let service: Service;
let document: Document;
let operations: Map<string, Operation & { path: string; method: string }>;
beforeAll(async () => {
  service = await startService({ env: { AWAITERS_MAX: "3" } });
  document = JSON.parse((await service.send("GET", "/openapi.json")).text) as Document;
  operations = new Map();
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      operations.set(operation.operationId ?? `${method} ${path}`, { ...operation, path, method });
    }
  }
});
afterAll(() => service.stop());

/** The schema as a document of its own, in which `#/components/...` still leads somewhere. */
function validatorOf(schema: Schema): Validator {
  return new Validator({ ...schema, components: document.components }, "2020-12", false);
}

function expectValid(schema: Schema, value: unknown, what: string): void {
  const { valid, errors } = validatorOf(schema).validate(value);
  expect(valid, `${what}: ${JSON.stringify(errors)}`).toBe(true);
}

function every<T>(
  value: unknown,
  pick: (at: Record<string, unknown>, path: string) => T | undefined,
  path = "#",
): T[] {
  if (typeof value !== "object" || value === null) return [];
  const here = Array.isArray(value) ? undefined : pick(value as Record<string, unknown>, path);
  return [
    ...(here === undefined ? [] : [here]),
    ...Object.entries(value).flatMap(([key, inner]) => every(inner, pick, `${path}/${key}`)),
  ];
}

describe("the document is sound (OpenAPI 3.1)", () => {
  test("it says what it is, and where the service lives", async () => {
    const answer = await service.send("GET", "/openapi.json");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toMatch(/^application\/(vnd\.oai\.openapi\+)?json/);
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(document.info.title).toBeTruthy();
    expect(document.info.version).toBeTruthy();
    expect(document.servers?.map((server) => server.url)).toContain(service.url);
  });

  test("operations have unique ids, declared responses with descriptions, and real methods", () => {
    const ids = every(document.paths, (at) => at["operationId"] as string | undefined);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBe(operations.size);
    for (const [id, operation] of operations) {
      expect(METHODS, id).toContain(operation.method);
      expect(operation.summary, id).toBeTruthy();
      expect(Object.keys(operation.responses).length, id).toBeGreaterThan(0);
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(status).toMatch(/^([1-5]\d\d|[1-5]XX|default)$/);
        expect(response.description, `${id} ${status}`).toBeTruthy();
      }
    }
  });

  test("path parameters are declared, required, and in the path", () => {
    for (const [id, operation] of operations) {
      const named = [...operation.path.matchAll(/\{([^}]+)\}/g)].map((found) => found[1]);
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
      expect(new Set(declared.map((parameter) => parameter.name)), id).toEqual(new Set(named));
      for (const parameter of declared) expect(parameter.required, id).toBe(true);
      const all = (operation.parameters ?? []).map(
        (parameter) => `${parameter.in} ${parameter.name.toLowerCase()}`,
      );
      expect(new Set(all).size, id).toBe(all.length);
      for (const parameter of operation.parameters ?? [])
        expect(parameter.schema, id).toBeDefined();
    }
  });

  test("every reference leads somewhere", () => {
    const refs = every(document, (at) => (typeof at["$ref"] === "string" ? at["$ref"] : undefined));
    expect(refs.length).toBeGreaterThan(0);
    for (const ref of refs) {
      const steps = ref
        .slice(2)
        .split("/")
        .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
      let at: unknown = document;
      for (const step of steps) at = (at as Record<string, unknown> | undefined)?.[step];
      expect(at, ref).toBeDefined();
    }
  });

  test("every schema compiles, and speaks JSON Schema 2020-12", () => {
    const schemas = every(document, (at) =>
      typeof at["schema"] === "object" ? (at["schema"] as Schema) : undefined,
    );
    expect(schemas.length).toBeGreaterThan(10);
    for (const schema of [...schemas, ...Object.values(document.components.schemas)]) {
      expect(() => validatorOf(schema).validate({})).not.toThrow();
      // Words of OpenAPI 3.0 that 3.1 has dropped.
      expect(
        every(schema, (at, path) =>
          "nullable" in at || typeof at["exclusiveMinimum"] === "boolean" ? path : undefined,
        ),
      ).toEqual([]);
    }
  });

  test("schemes that security names exist, and what needs no key says so", () => {
    const named = [
      ...(document.security ?? []),
      ...[...operations.values()].flatMap((operation) => operation.security ?? []),
    ];
    for (const scheme of named.flatMap((requirement) => Object.keys(requirement))) {
      expect(document.components.securitySchemes).toHaveProperty(scheme);
    }
    expect(operations.get("health")?.security).toEqual([]);
  });

  test("it knows the contract's words: every state and every error code", () => {
    const enums = every(document.components.schemas, (at) => at["enum"] as unknown[] | undefined);
    expect(enums).toEqual(
      expect.arrayContaining([
        expect.arrayContaining([...STATES]),
        expect.arrayContaining(Object.keys(ERRORS)),
      ]),
    );
  });
});

function rpc(kind: string, data: unknown, version = "2026-04-01"): SendOptions {
  return { body: { kind, head: { corrId: "1", version }, data } };
}

function expectDeclared(operationId: string, answer: Answer): void {
  const operation = operations.get(operationId);
  if (operation === undefined) throw new Error(`no operation ${operationId}`);
  const what = `${operationId} ${answer.status} ${answer.text.slice(0, 200)}`;
  const response = operation.responses[String(answer.status)] ?? operation.responses["default"];
  if (response === undefined) throw new Error(`undeclared: ${what}`);
  const type = answer.headers.get("content-type")?.split(";")[0];
  if (answer.text === "") {
    expect(Object.keys(response.content ?? {}), what).toEqual([]);
  } else {
    expect(Object.keys(response.content ?? {}), what).toContain(type);
    const schema = response.content?.[type ?? ""]?.schema;
    const isLines = type === NDJSON["content-type"];
    const texts = isLines ? answer.text.trimEnd().split("\n") : [answer.text];
    if (schema !== undefined && type?.endsWith("json") === true) {
      const values = texts.map((text) => JSON.parse(text) as object);
      // Of lines, those that are no promise are marks.
      for (const value of values) if (!isLines || "id" in value) expectValid(schema, value, what);
    }
  }
  for (const [name, header] of Object.entries(response.headers ?? {})) {
    const value = answer.headers.get(name);
    if (header.required === true) expect(value, `${name} of ${what}`).not.toBeNull();
    if (value !== null && header.schema !== undefined)
      expectValid(header.schema, value, `${name} of ${what}`);
  }
}

describe("every answer is declared, and its body is as declared", () => {
  const key = { "idempotency-key": "k" };
  const plain = { "content-type": "text/plain" };
  const big = JSON.stringify({ param: { data: "x".repeat(LIMITS.bodyBytesMax) } });
  async function answersOf(): Promise<[string, Answer][]> {
    const id = freshId("declared");
    const late = freshId("declared");
    const address = service.address(id);
    const steps: [string, string, string, SendOptions?][] = [
      ["createPromise", "POST", "/promises", { body: {} }],
      [
        "createPromise",
        "POST",
        "/promises",
        { body: { id: `${id}/2`, tags: { a: "b" } }, headers: key },
      ],
      ["createPromise", "POST", "/promises", { body: { id: `${id}/2` }, headers: key }],
      ["createPromise", "POST", "/promises", { body: { id: `${id}/2` } }],
      ["createPromise", "POST", "/promises", { body: "[" }],
      ["createPromise", "POST", "/promises", { body: big }],
      ["createPromise", "POST", "/promises", { body: "{}", headers: plain }],
      ["getSession", "GET", "/session"],
      ["signIn", "POST", "/session", { body: { key: "any" } }],
      ["signIn", "POST", "/session", { body: {} }],
      ["signIn", "POST", "/session", { body: "{}", headers: plain }],
      ["signIn", "POST", "/session", { body: big }],
      [
        "signIn",
        "POST",
        "/session",
        { body: "key=any", headers: { "content-type": "application/x-www-form-urlencoded" } },
      ],
      ["signOut", "DELETE", "/session"],
      ["signOut", "DELETE", "/session", { headers: { "sec-fetch-site": "cross-site" } }],
      ["getPromise", "GET", address],
      ["getPromise", "GET", `${address}?wait=10ms`],
      ["settlePromise", "PATCH", address, { body: { state: "RESOLVED" } }],
      ["purgePromise", "DELETE", address],
      [
        "putPromise",
        "PUT",
        address,
        {
          body: {
            param: { data: null, headers: { a: "b" } },
            timeout: "1h",
            retention: "1h",
            onTimeout: { state: "REJECTED", value: { data: 1 } },
          },
          headers: key,
        },
      ],
      ["putPromise", "PUT", address, { body: {}, headers: key }],
      ["putPromise", "PUT", address, { body: {} }],
      ["putPromise", "PUT", address, { body: { tags: 1 } }],
      ["putPromise", "PUT", address, { body: big }],
      ["putPromise", "PUT", address, { body: "{}", headers: plain }],
      ["getPromise", "GET", address],
      ["getPromise", "GET", address, { headers: { "if-none-match": "*" } }],
      ["getPromise", "GET", address, { headers: { accept: "text/html" } }],
      ["getPromise", "GET", `${address}?wait=10ms`],
      ["getPromise", "GET", `${address}?wait=abc`],
      ["purgePromise", "DELETE", address],
      ["settlePromise", "PATCH", address, { body: { timeout: "2h" } }],
      ["settlePromise", "PATCH", address, { body: { timeout: "1h" } }],
      ["settlePromise", "PATCH", address, { body: { state: "DONE" } }],
      ["settlePromise", "PATCH", address, { body: big }],
      ["settlePromise", "PATCH", address, { body: "{}", headers: plain }],
      [
        "settlePromise",
        "PATCH",
        address,
        { body: { state: "REJECTED", value: { data: [1], headers: {} } }, headers: key },
      ],
      ["settlePromise", "PATCH", address, { body: { state: "REJECTED" }, headers: key }],
      ["settlePromise", "PATCH", address, { body: { state: "RESOLVED" } }],
      ["getPromise", "GET", address],
      ["getPromise", "GET", `${address}?wait=1s`],
      ["getPromise", "GET", address, { headers: { accept: "text/event-stream" } }],
      ["purgePromise", "DELETE", address],
      ["purgePromise", "DELETE", `${service.url}/promises/%00`],
      ["putPromise", "PUT", service.address(late), { body: { timeout: 1 } }],
      ["settlePromise", "PATCH", service.address(late), { body: { state: "RESOLVED" } }],
      [
        "settlePromise",
        "PATCH",
        service.address(late),
        { body: { state: "RESOLVED" }, headers: { strict: "true" } },
      ],
      ["getAwaiters", "GET", `/awaiters/${late}`],
      ["getAwaiters", "GET", `/awaiters/${late}-none`],
      ["health", "GET", "/health"],
      ["exportPromises", "GET", `/export?id=${late}`],
      ["exportPromises", "GET", "/export?sort=id"],
      ["importPromises", "POST", "/import", { body: "{}", headers: NDJSON }],
      ["importPromises", "POST", "/import", { body: "{}" }],
      ["importPromises", "POST", "/import?x=1", { body: "{}", headers: NDJSON }],
      ["metrics", "GET", "/metrics"],
      ["metrics", "GET", "/metrics?x=1"],
      ["listAudit", "GET", "/audit"],
      ["listAudit", "GET", "/audit?limit=0"],
      ["ready", "GET", "/ready"],
      ["ready", "GET", "/ready?x=1"],
      ...(["bareCall", "wrappedCall"] as const).flatMap(
        (operationId): [string, string, string, SendOptions?][] => {
          const base = operationId === "bareCall" ? "/promise" : "/durablePromiseServer";
          const name = freshId(operationId);
          const call = (
            operation: string,
            more: object = {},
          ): [string, string, string, SendOptions] => [
            operationId,
            "POST",
            `${base}/${operation}`,
            {
              body:
                operationId === "bareCall"
                  ? { promiseId: name, ...more }
                  : { request: { promiseName: name, ...more } },
            },
          ];
          return [
            call("peek"),
            call("reject"),
            call("resolve", { value: 1 }),
            call("await"),
            call("reject", { errorMessage: "x" }),
            call("dispose"),
            call("nope"),
            [operationId, "POST", `${base}/resolve`, { body: "{}" }],
            [operationId, "POST", `${base}/resolve`, { body: big }],
            [operationId, "POST", `${base}/resolve`, { body: "{}", headers: plain }],
          ];
        },
      ),
    ];
    const answers: [string, Answer][] = [];
    for (const body of [
      rpc("task.halt", { id: freshId("rpc") }),
      rpc("task.heartbeat", { pid: "p", tasks: [] }),
      rpc("promise.search", {}),
      rpc("promise.get", {}, "1"),
      { body: big },
      { body: "{}", headers: plain },
    ]) {
      steps.push(["callProtocol", "POST", "/rpc", body]);
    }
    const schedule = `/schedules/${freshId("schedule")}`;
    const good = { cron: "@daily", promiseTimeout: "1h" };
    steps.push(
      ["putSchedule", "PUT", schedule, { body: good }],
      ["putSchedule", "PUT", schedule, { body: good }],
      ["putSchedule", "PUT", schedule, { body: {} }],
      ["putSchedule", "PUT", schedule, { body: big }],
      ["getSchedule", "GET", schedule],
      ["getSchedule", "GET", `${schedule}-none`],
      ["searchPromises", "GET", "/promises?limit=2&count=true"],
      ["searchPromises", "GET", "/promises?limit=2&view=summary&tags%5Ba%5D=1"],
      ["searchPromises", "GET", "/promises?limit=0"],
      ["stats", "GET", "/stats"],
      ["activity", "GET", "/activity"],
      ["listGroups", "GET", "/groups"],
      ["showGroup", "GET", "/groups/workers"],
      ["showGroup", "GET", "/groups/%00"],
      ["showIndex", "GET", "/index"],
      ["rebuildIndex", "POST", "/index/rebuild?shard=0"],
      ["rebuildIndex", "POST", "/index/rebuild?shard=none"],
      ["listSchedules", "GET", "/schedules"],
      ["listSchedules", "GET", "/schedules?limit=0"],
      ["poll", "GET", `/poll/${"g".repeat(600)}/pid`],
      ["pauseSchedule", "PATCH", schedule, { body: { paused: true } }],
      ["pauseSchedule", "PATCH", schedule, { body: { paused: 1 } }],
      ["pauseSchedule", "PATCH", `${schedule}-none`, { body: { paused: true } }],
      ["runSchedule", "POST", schedule],
      ["runSchedule", "POST", `${schedule}-none`],
      ["deleteSchedule", "DELETE", schedule],
      ["deleteSchedule", "DELETE", schedule],
    );
    steps.push(...(await webhookSteps()), ...(await linkSteps()));
    steps.push(
      ["createKey", "POST", "/keys", { body: { name: "k", scopes: ["read"], prefixes: ["*"] } }],
      ["createKey", "POST", "/keys", { body: {} }],
      ["createKey", "POST", "/keys", { body: big }],
      ["createKey", "POST", "/keys", { body: "{}", headers: plain }],
      ["listKeys", "GET", "/keys"],
      ["revokeKey", "DELETE", "/keys/0123456789abcdef"],
      ["getPromise", "GET", `/promises/${"x".repeat(LIMITS.urlCharactersMax)}`],
    );
    for (const [operationId, method, target, options] of steps) {
      answers.push([operationId, await service.send(method, target, options)]);
    }
    for (const [operationId, method, path, body] of [
      ["createPromise", "POST", "/promises", "{}"],
      ["putPromise", "PUT", "/promises/x", "{}"],
      ["getPromise", "GET", "/promises/x"],
      ["settlePromise", "PATCH", "/promises/x", "{}"],
      ["purgePromise", "DELETE", "/promises/x"],
      ["bareCall", "POST", "/promise/peek", "{}"],
      ["wrappedCall", "POST", "/durablePromiseServer/peek", "{}"],
    ] as const) {
      const given = {
        headers: { origin: "http://evil.example" },
        ...(body === undefined ? {} : { body }),
      };
      answers.push([operationId, await nodeRequest(service, method, path, given)]);
    }
    return answers;
  }

  /** Its id is drawn by the server, so one is made first. */
  async function webhookSteps(): Promise<[string, string, string, SendOptions?][]> {
    const body = { url: "http://127.0.0.1:9/hook", filter: { prefix: freshId("none") } };
    const made = await service.send("POST", "/webhooks", { body });
    const { id } = JSON.parse(made.text) as { id: string };
    const one = `/webhooks/${id}`;
    const none = `/webhooks/wh_${"0".repeat(32)}`;
    return [
      ["createWebhook", "POST", "/webhooks", { body: { ...body, disabled: true, retry: ["1s"] } }],
      ["createWebhook", "POST", "/webhooks", { body: { url: "https://10.0.0.1" } }],
      ["createWebhook", "POST", "/webhooks", { body: big }],
      ["createWebhook", "POST", "/webhooks", { body: "{}", headers: plain }],
      ["listWebhooks", "GET", "/webhooks"],
      ["listWebhooks", "GET", "/webhooks?limit=1"],
      ["listWebhooks", "GET", "/webhooks?limit=0"],
      ["getWebhook", "GET", one],
      ["getWebhook", "GET", none],
      ["changeWebhook", "PATCH", one, { body: { disabled: true, format: "cloudevents" } }],
      ["changeWebhook", "PATCH", one, { body: { format: "xml" } }],
      ["changeWebhook", "PATCH", none, { body: {} }],
      ["changeWebhook", "PATCH", one, { body: big }],
      ["getWebhook", "GET", one],
      ["testWebhook", "POST", `${one}/test`],
      ["testWebhook", "POST", `${none}/test`],
      ["rotateWebhook", "POST", `${one}/rotate`],
      ["rotateWebhook", "POST", `${one}/rotate`, { body: { overlap: "1h" } }],
      ["rotateWebhook", "POST", `${one}/rotate`, { body: { overlap: "1y" } }],
      ["rotateWebhook", "POST", `${one}/rotate`, { body: "{}", headers: plain }],
      ["listDeliveries", "GET", `${one}/deliveries`],
      ["listDeliveries", "GET", `${none}/deliveries`],
      ["listDeadLetters", "GET", `${one}/dead-letters`],
      ["listDeadLetters", "GET", `${one}/dead-letters?limit=0`],
      ["redeliver", "POST", `${one}/redeliver`, { body: { all: true } }],
      ["redeliver", "POST", `${one}/redeliver`, { body: { event: "evt_none" } }],
      ["redeliver", "POST", `${one}/redeliver`, { body: {} }],
      ["deleteWebhook", "DELETE", one],
      ["deleteWebhook", "DELETE", one],
    ];
  }

  /** As above; and a link of each kind, to a promise with a form and to one that several decide. */
  async function linkSteps(): Promise<[string, string, string, SendOptions?][]> {
    const [form, several] = [freshId("form"), freshId("several")];
    const schema = { type: "object", required: ["n"], properties: { n: { type: "integer" } } };
    await service.create(form, { form: { title: "Well?", schema } });
    await service.create(several, { quorum: { approvals: 2, voters: ["Ada", "Bob", "Cyd"] } });
    const made = async (promise: string, more: object = {}) => {
      const answer = await service.send("POST", "/links", { body: { promise, ...more } });
      return JSON.parse(answer.text) as { id: string; url: string };
    };
    const verifier = { scheme: "github", secrets: ["s"] };
    const [one, second, voter, look, stranger] = await Promise.all([
      made(form, { audience: "Ada", note: "Soon" }),
      made(form),
      made(several, { audience: "Ada" }),
      made(several, { allow: "await" }),
      made(several),
    ]);
    const [signed, callback] = await Promise.all([
      made(form, { allow: "callback", verifier }),
      made(several, { allow: "callback", mapping: { value: "/x" } }),
    ]);
    const page = { headers: { accept: "text/html" } };
    const { text } = await service.send("GET", one.url, page);
    const [, csrf = ""] = /name="csrf" value="([^"]+)"/.exec(text) ?? [];
    const typed = { ...page.headers, "content-type": "application/x-www-form-urlencoded" };
    const stale = ({ url }: { url: string }, accept: string, outcome: string) => ({
      headers: { ...typed, accept },
      body: new URLSearchParams({ csrf: staleCsrf(new URL(url).pathname), outcome }).toString(),
    });
    const formOf = (n: string) => ({
      headers: typed,
      body: new URLSearchParams({ csrf, outcome: "resolved", "value/n": n }).toString(),
    });
    const outcome = { state: "RESOLVED", value: { data: { n: 1 } } };
    const fixed = { promise: form, allow: "fixed", outcome, expiresIn: "1h", uses: 2 };
    const value = { data: { n: 1 } };
    return [
      ["createLink", "POST", "/links", { body: fixed }],
      ["createLink", "POST", "/links", { body: { promise: form, allow: "callback", verifier } }],
      ["createLink", "POST", "/links", { body: { promise: freshId("absent") } }],
      ["createLink", "POST", "/links", { body: {} }],
      ["createLink", "POST", "/links", { body: big }],
      ["createLink", "POST", "/links", { body: "{}", headers: plain }],
      ["listLinks", "GET", `/links?promise=${form}`],
      ["listLinks", "GET", "/links"],
      ["showLink", "GET", one.url],
      ["showLink", "GET", one.url, page],
      ["showLink", "GET", "/l/nobodys"],
      ["showLink", "GET", "/l/nobodys", page],
      ["decideByLink", "POST", look.url, { body: { state: "RESOLVED" } }],
      ["decideByLink", "POST", "/l/nobodys", { body: { state: "RESOLVED" } }],
      ["decideByLink", "POST", one.url, { body: {} }],
      ["decideByLink", "POST", one.url, { body: { state: "RESOLVED", value: { data: 1 } } }],
      ["decideByLink", "POST", one.url, { body: big }],
      ["decideByLink", "POST", one.url, { body: "{}", headers: plain }],
      ["decideByLink", "POST", one.url, formOf("x")],
      ["decideByLink", "POST", second.url, formOf("1")],
      ["getReceipt", "GET", `/receipts/${form}`],
      ["decideByLink", "POST", one.url, formOf("1")],
      ["decideByLink", "POST", one.url, { body: { state: "RESOLVED", value } }],
      ["decideByLink", "POST", second.url, { body: { state: "REJECTED" } }],
      ["showLink", "GET", second.url],
      ["showLink", "GET", second.url, { headers: { accept: "text/event-stream" } }],
      ["decideByLink", "POST", voter.url, { body: { state: "RESOLVED" } }],
      ["decideByLink", "POST", voter.url, stale(voter, "text/html", "rejected")],
      ["decideByLink", "POST", voter.url, stale(voter, "application/json", "rejected")],
      ["decideByLink", "POST", stranger.url, stale(stranger, "text/html", "resolved")],
      ["decideByLink", "POST", stranger.url, stale(stranger, "application/json", "resolved")],
      ["decideByLink", "POST", voter.url, { body: { state: "RESOLVED" } }],
      ["receiveCallback", "POST", callback.url, { body: "{" }],
      ["receiveCallback", "POST", callback.url, { body: big.repeat(2) }],
      ["receiveCallback", "POST", callback.url, { body: { x: 1 } }],
      ["receiveCallback", "POST", callback.url, { body: { x: 1 } }],
      ["receiveCallback", "POST", signed.url, { body: "{}" }],
      ["receiveCallback", "POST", "/c/nobodys", { body: "{}" }],
      ["getReceipt", "GET", `/receipts/${form}`],
      ["getReceipt", "GET", `/receipts/${freshId("absent")}`],
      ["getReceipt", "GET", "/receipts/%00"],
      ["getJwks", "GET", "/.well-known/jwks.json"],
      ["revokeLink", "DELETE", `/links/${one.id}`],
      ["revokeLink", "DELETE", "/links/nobodys"],
    ];
  }

  test("of a service that is open", async () => {
    const answers = await answersOf();
    const undeclared = answers.flatMap(([operationId, answer]) => {
      try {
        expectDeclared(operationId, answer);
        return [];
      } catch (failure) {
        return [String(failure)];
      }
    });
    expect(undeclared).toEqual([]);
    expect(new Set(answers.map(([operationId]) => operationId))).toEqual(
      new Set(operations.keys()),
    );
  });

  test("to those above the limit, and to those whose promise is disposed", async () => {
    const id = freshId("crowded");
    const poll = service.send("GET", `${service.address(id)}?wait=20s`);
    const bare = service.send("POST", "/promise/await", { body: { promiseId: id } });
    const socket = await openSocket(service, id);
    await socket.next();
    // Who asked for a place to see whether there is one would take it from those who are to have it.
    await eventually(async () => {
      const { text } = await service.send("GET", `/awaiters/${encodeURIComponent(id)}`);
      expect(JSON.parse(text)).toMatchObject({ sockets: 3 });
    });
    const refused = await service.send("GET", `${service.address(id)}?wait=1ms`);
    expect(refused.status).toBe(429);
    expectDeclared("getPromise", refused);
    expectDeclared(
      "bareCall",
      await service.send("POST", "/promise/await", { body: { promiseId: id } }),
    );
    expectDeclared(
      "wrappedCall",
      await service.send("POST", "/durablePromiseServer/await", {
        body: { request: { promiseName: id } },
      }),
    );
    await service.send("POST", "/promise/dispose", { body: { promiseId: id } });
    const disposed = [await inTime(poll, "the poll"), await inTime(bare, "the await")];
    expect(disposed.map((answer) => answer.status)).toEqual([410, 410]);
    expectDeclared("getPromise", disposed[0]!);
    expectDeclared("bareCall", disposed[1]!);
  });

  test.each([
    ["has keys", { env: { API_KEYS: "k" } }, 401],
    ["is not configured", { host: "0.0.0.0" }, 503],
  ])("of a service that %s", async (_name, options, status) => {
    const closed = await startService(options);
    try {
      for (const [operationId, { path, method, requestBody, security }] of operations) {
        const target = path
          .replace("{id}", "x")
          .replace("{operation}", "peek")
          .replace("{token}", "x");
        const given = requestBody === undefined ? {} : { body: "{}" };
        const answer = await closed.send(method.toUpperCase(), target, given);
        // What needs no key is there once there are keys; before, only whether the service is up.
        const needsNone = status === 401 && security?.length === 0;
        if (operationId === "health") expect(answer.status).toBe(200);
        else if (operationId === "signIn") expect([400, 503]).toContain(answer.status);
        else if (needsNone) expect([200, 204, 404], operationId).toContain(answer.status);
        else expect(answer.status, operationId).toBe(status);
        expectDeclared(operationId, answer);
      }
    } finally {
      await closed.stop();
    }
  });
});

const text = (maxLength: number) => fc.string({ unit: "binary", maxLength });
const schemaOf = (operationId: string): Schema =>
  operations.get(operationId)?.requestBody?.content["application/json"]?.schema ?? {};
/** As the wire sees it: keys in the parser's order, and `-0` as JSON writes it. */
const wire = (value: unknown): string => JSON.stringify(JSON.parse(JSON.stringify(value)));

describe("what the document allows is accepted", () => {
  const dictionary = fc.dictionary(text(20), text(20), { maxKeys: 8 });
  const payload = fc.record(
    { headers: dictionary, data: fc.jsonValue({ maxDepth: 4 }) },
    { requiredKeys: [] },
  );
  const duration = fc
    .tuple(fc.integer({ min: 1, max: 5000 }), fc.constantFrom("s", "m", "h", "d"))
    .map(([n, unit]) => `${n}${unit}`);
  const body = fc.record(
    {
      param: payload,
      timeout: fc.oneof(fc.maxSafeInteger(), duration, fc.constant("2100-01-01T00:00:00Z")),
      tags: dictionary,
      onTimeout: fc.record(
        { state: fc.constantFrom("RESOLVED", "REJECTED", "REJECTED_CANCELED"), value: payload },
        { requiredKeys: ["state"] },
      ),
      // Long enough for the read that follows.
      retention: fc.oneof(
        fc.integer({ min: 3_600_000, max: Number.MAX_SAFE_INTEGER }),
        fc.constantFrom("5h", "7d", "PT2H"),
      ),
      createdOn: fc.jsonValue({ maxDepth: 1 }),
      state: fc.jsonValue({ maxDepth: 1 }),
    },
    { requiredKeys: [] },
  );

  test("generated creates are valid by the schema, made (201), and come back equal", async () => {
    await fc.assert(
      fc.asyncProperty(body, async (given) => {
        expectValid(
          schemaOf("putPromise"),
          JSON.parse(JSON.stringify(given)),
          JSON.stringify(given),
        );
        const id = freshId("generated");
        const created = await service.create(id, given);
        expect([created.status, created.text]).toEqual([201, created.text]);
        const record = recordOf(created);
        expectValid(document.components.schemas["Promise"] ?? {}, record, created.text);
        expect(wire(record.param)).toBe(wire(given.param ?? {}));
        expect(wire(record.tags)).toBe(wire(given.tags ?? {}));
        if (given.onTimeout === undefined) expect(record).not.toHaveProperty("onTimeout");
        else
          expect(wire(record.onTimeout)).toBe(
            wire({ state: given.onTimeout.state, value: given.onTimeout.value ?? {} }),
          );
        if (typeof given.timeout === "number") expect(record.timeout).toBe(given.timeout);
        if (typeof given.retention === "number") expect(record.retention).toBe(given.retention);
        const outlived =
          record.completedOn !== undefined &&
          record.completedOn + (record.retention ?? Infinity) < Date.now();
        if (!outlived) expect((await service.read(id)).text).toBe(created.text);
      }),
      { numRuns: 150 },
    );
  });

  // JSON Schema 2020-12, section 6.1.1: a number with a zero fractional part is an integer.
  test.each(["4102444800000.0", "4.1024448e12", "-0"])(
    "the integer %s is one to JSON Schema, so it is a deadline",
    async (timeout) => {
      expectValid(schemaOf("putPromise"), JSON.parse(`{"timeout":${timeout}}`), timeout);
      const created = await service.create(freshId("integer"), `{"timeout":${timeout}}`);
      expect([created.status, created.text]).toEqual([201, created.text]);
      expect(recordOf(created).timeout + 0).toBe(Number(timeout) + 0);
    },
  );

  test("mutated creates and settles are refused with words or accepted, and never break us", async () => {
    const mutations = fc.oneof(
      fc.record({
        kind: fc.constant("set" as const),
        name: fc.oneof(
          fc.constantFrom(
            "id",
            "param",
            "timeout",
            "tags",
            "onTimeout",
            "retention",
            "state",
            "value",
          ),
          text(8),
        ),
        value: fc.jsonValue(),
      }),
      fc.record({ kind: fc.constant("cut" as const), at: fc.nat(200) }),
      fc.record({ kind: fc.constant("flip" as const), at: fc.nat(200), byte: fc.nat(255) }),
      fc.record({ kind: fc.constant("wrap" as const) }),
    );
    await fc.assert(
      fc.asyncProperty(body, mutations, async (given, mutation) => {
        const source =
          mutation.kind === "set"
            ? { ...given, [mutation.name]: mutation.value }
            : mutation.kind === "wrap"
              ? [given]
              : given;
        let bytes = new TextEncoder().encode(JSON.stringify(source));
        if (mutation.kind === "cut") bytes = bytes.slice(0, mutation.at);
        if (mutation.kind === "flip") bytes[mutation.at % bytes.length] = mutation.byte;
        for (const method of ["PUT", "PATCH"]) {
          const id = freshId("mutated");
          const answer = await service.send(method, service.address(id), { body: bytes });
          if (answer.status === 201) continue;
          expect([400, 404]).toContain(answer.status);
          const problem = expectRefusal(
            answer,
            answer.status === 400 ? "invalid_request" : "not_found",
          );
          expect(problem.field, answer.text).toBeTypeOf("string");
          expectRefusal(await service.read(id), "not_found");
        }
      }),
      { numRuns: 200 },
    );
  });
});
