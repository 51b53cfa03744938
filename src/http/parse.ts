/**
 * Bytes to commands, or a refusal that names the field. What comes out of here is valid; nothing
 * behind it checks again. It touches no object: a bad request costs nobody anything.
 */
import * as v from "valibot";
import { HEADER, LIMITS, NEVER } from "../../client/src/protocol.ts";
import { readConfig } from "../env.ts";
import type { Create, Extend, Settle } from "../machine/promise.ts";
import { isTimer } from "../machine/timer.ts";
import { askedOf, createBody } from "./asked.ts";
import type { Call } from "./edge.ts";
import { invalid } from "./errors.ts";
import { readJson } from "./json.ts";
import { extendBody, faultOfId, machineState, settleBody, utf8Length } from "./schemas.ts";
import { durationOf, payloadOf } from "./values.ts";

/** `{id}` of `/promises/{id}`: slashes may be raw or encoded. */
export function idOfPath(url: string, prefix: string): string {
  const raw = pathOf(url).slice(prefix.length);
  const id = decoded(raw);
  const fault = faultOfId(id);
  if (fault) throw invalid("id", `id ${fault}`);
  return id;
}

function decoded(raw: string): string {
  if (!raw.includes("%")) return raw;
  try {
    return decodeURIComponent(raw);
  } catch {
    throw invalid("id", `"${raw.slice(0, 100)}" is not percent-encoded UTF-8`);
  }
}

/** The runtime gives normalised URLs: scheme, authority, then the path. Parsing anew costs 2 µs. */
export function originOfUrl(url: string): string {
  return url.slice(0, url.indexOf("/", "https://".length));
}

export function pathOf(url: string): string {
  const path = url.slice(originOfUrl(url).length);
  const query = path.indexOf("?");
  return query === -1 ? path : path.slice(0, query);
}

/** Create: `id` from the path, or from the body, or drawn here. */
export async function parseCreate(
  call: Call,
  idInPath: string | undefined,
  now: number,
): Promise<Create> {
  const { request, env } = call;
  refuseQuery(request.url);
  const { text, value } = await readJson(request);
  const body = validate(createBody, value, "");
  sameId(idInPath, body.id);
  const { param, tags, onTimeout, retention } = body;
  const retentionMs =
    retention === undefined ? readConfig(env).retentionMs : durationOf(retention, "retention", now);
  if (onTimeout && isTimer(tags)) {
    throw invalid("onTimeout", "A timer's deadline resolves it: send onTimeout or the timer tag");
  }
  return {
    kind: "create",
    id: idInPath ?? body.id ?? crypto.randomUUID(),
    birth: newBirth(),
    param: payloadOf(param, text, "param"),
    tags,
    timeoutAt: body.timeout === undefined ? NEVER : instantOf(body.timeout, now),
    ...(onTimeout && {
      onTimeout: {
        state: machineState(onTimeout.state),
        value: payloadOf(onTimeout.value, text, "onTimeout", "value"),
      },
    }),
    ...(retentionMs !== undefined && { retentionMs }),
    ...askedOf(body, tags, text, call, now),
    ...parseKeys(request.headers),
  };
}

/** `PATCH`: with a state it settles, with a timeout and no state it moves the deadline. */
export async function parseChange(
  request: Request,
  id: string,
  now: number,
): Promise<Settle | Extend> {
  refuseQuery(request.url);
  const { text, value } = await readJson(request);
  if (isExtension(value)) {
    const { timeout, ...body } = validate(extendBody, value, "");
    sameId(id, body.id);
    return { kind: "extend", timeoutAt: instantOf(timeout, now) };
  }
  const body = validate(settleBody, value, "");
  sameId(id, body.id);
  return {
    kind: "settle",
    state: machineState(body.state),
    value: payloadOf(body.value, text, "value"),
    ...parseKeys(request.headers),
  };
}

function isExtension(body: unknown): boolean {
  return typeof body === "object" && body !== null && "timeout" in body && !("state" in body);
}

/** Tells one life of an id from the next. */
export function newBirth(): string {
  return crypto.randomUUID().slice(0, 18);
}

/**
 * `?wait=20s`, `?wait=20` or `Prefer: wait=20` (RFC 7240, 4.3): how long to hold the answer.
 *
 * @returns ms, at most the limit; `undefined` when the caller does not want to wait
 */
export function parseWaitMs(request: Request): number | undefined {
  const text = waitInQuery(request.url) ?? preferredWait(request.headers.get(HEADER.prefer));
  if (text === undefined) return undefined;
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1000 : durationOf(text, "wait", 0);
  return Math.min(waitMs, LIMITS.longPollMsMax);
}

/** Runs a validator; the first issue becomes the refusal. */
export function validate<Schema extends v.GenericSchema>(
  schema: Schema,
  input: unknown,
  root: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, input, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue);
  const field = [root, path].filter(Boolean).join(".") || "body";
  if (issue.type === "strict_object" && issue.expected === "never") {
    throw invalid(field, `There is no field "${field}"`);
  }
  throw invalid(field, sentence(field, issue));
}

function sentence(field: string, issue: v.BaseIssue<unknown>): string {
  if (issue.message.startsWith("must ")) return `${field} ${issue.message}`;
  if (issue.received === "undefined") return `${field} is missing`;
  const expected = issue.expected === "Object" ? "an object" : (issue.expected ?? "valid");
  return `${field} must be ${expected}, not ${issue.received}`;
}

export function parseKeys(headers: Headers): { idempotencyKey?: string; strict: boolean } {
  const idempotencyKey = headers.get(HEADER.idempotencyKey) ?? undefined;
  const strict = headers.get(HEADER.strict)?.toLowerCase() ?? "false";
  if (strict !== "true" && strict !== "false") {
    throw invalid("strict", `The header strict must be true or false, once, not "${strict}"`);
  }
  if (idempotencyKey === undefined) return { strict: strict === "true" };
  if (idempotencyKey === "" || utf8Length(idempotencyKey) > LIMITS.idempotencyKeyBytesMax) {
    throw invalid(
      HEADER.idempotencyKey,
      `The header idempotency-key must have 1 to ${LIMITS.idempotencyKeyBytesMax} bytes`,
    );
  }
  // Two headers of one name reach us joined like this, so that they cannot be told from one.
  if (idempotencyKey.includes(", ")) {
    throw invalid(
      HEADER.idempotencyKey,
      'The header idempotency-key was sent twice, or has a ", " in it',
    );
  }
  return { idempotencyKey, strict: strict === "true" };
}

function sameId(inPath: string | undefined, inBody: string | undefined): void {
  if (inPath !== undefined && inBody !== undefined && inPath !== inBody) {
    throw invalid("id", "The id in the body is not the id in the path");
  }
}

function instantOf(timeout: number | string, now: number): number {
  if (typeof timeout === "number") return timeout;
  const instant = /^\d{4}-/.test(timeout)
    ? dateOf(timeout)
    : now + durationOf(timeout, "timeout", now);
  if (!Number.isSafeInteger(instant)) {
    throw invalid("timeout", `timeout "${timeout}" is not an instant within ±(2^53 - 1)`);
  }
  return instant;
}

/** RFC 3339, the time and its zone optional. `Date.parse` takes the 31st of February for a day. */
export function dateOf(text: string): number {
  const day = /^(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/i.exec(
    text,
  )?.[1];
  const midnight = new Date(`${day}T00:00:00Z`);
  const exists = !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day!);
  return exists ? Date.parse(text) : Number.NaN;
}

/** Where a call takes no parameters, one is a mistake that would go unnoticed. */
export function refuseQuery(url: string): void {
  if (url.includes("?")) queryOf(url, []);
}

/** @throws Refusal that names a parameter which is none of these, or was sent twice */
export function queryOf(url: string, known: readonly string[]): URLSearchParams {
  const query = new URL(url).searchParams;
  for (const name of query.keys()) {
    if (!known.includes(name)) {
      const others = known.length === 0 ? "" : `, only ${known.join(", ")}`;
      throw invalid(name, `There is no parameter "${name}" here${others}`);
    }
    if (query.getAll(name).length > 1) throw invalid(name, `${name} was sent twice`);
  }
  return query;
}

function waitInQuery(url: string): string | undefined {
  return url.includes("?") ? (queryOf(url, ["wait"]).get("wait") ?? undefined) : undefined;
}

function preferredWait(prefer: string | null): string | undefined {
  return prefer ? /(?:^|[,;\s])wait\s*=\s*"?(\d+)"?/i.exec(prefer)?.[1] : undefined;
}
