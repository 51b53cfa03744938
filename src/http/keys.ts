/**
 * `/keys`: an admin makes keys that may do less, sees them, and revokes them. A key itself is shown
 * once, when it is made. An admin of some prefixes gives away no others, and sees no others' keys.
 */
import * as v from "valibot";
import { LIMITS, SCOPES, type ApiKey } from "../../client/src/protocol.ts";
import { noteAct } from "./acts.ts";
import { allKeys, drawKey, forgetVerdict, isKeyId, keysAt } from "./auth-keys.ts";
import type { C } from "./edge.ts";
import { Refusal } from "./errors.ts";
import { readJson } from "./json.ts";
import { idOfPath, refuseQuery, validate } from "./parse.ts";
import { outOfReach } from "./permission.ts";
import { reachesAll, type Principal } from "./principal.ts";
import { duration, fields, utf8Length } from "./schemas.ts";
import { durationOf } from "./values.ts";

const PREFIX = "/keys/";

const name = v.pipe(
  v.string("must be a string"),
  v.nonEmpty("must not be empty"),
  v.maxLength(
    LIMITS.keyNameCharactersMax,
    `must have ${LIMITS.keyNameCharactersMax} characters at most`,
  ),
  v.regex(/^\P{Cc}*$/u, "must not have control characters"),
);

const prefix = v.pipe(
  v.string("must be a string"),
  v.nonEmpty("must not be empty"),
  v.check((text) => text.isWellFormed(), "must be well-formed Unicode"),
  v.regex(/^\P{Cc}*$/u, "must not have control characters"),
  v.check(
    (text) => utf8Length(text) <= LIMITS.idBytesMax,
    `must have ${LIMITS.idBytesMax} bytes at most`,
  ),
  v.description("An id, or the beginning of ids and a *: team-a/*"),
);

export const keyBody = fields({
  name,
  scopes: v.pipe(
    v.array(v.picklist(SCOPES, `must be one of ${SCOPES.join(", ")}`)),
    v.nonEmpty("must not be empty"),
    v.maxLength(SCOPES.length, "must not name one twice"),
  ),
  prefixes: v.pipe(
    v.array(prefix),
    v.nonEmpty("must not be empty"),
    v.maxLength(LIMITS.keyPrefixesMax, `must have ${LIMITS.keyPrefixesMax} entries at most`),
  ),
  expiresIn: v.optional(duration),
});

/** `POST /keys` */
export async function createKey(c: C): Promise<Response> {
  refuseQuery(c.req.url);
  const body = validate(keyBody, (await readJson(c.req.raw)).value, "");
  const beyond = body.prefixes.find((pattern) => !reachesAll(c.get("principal"), pattern));
  if (beyond !== undefined) throw outOfReach(beyond);
  const now = Date.now();
  const { text, digest, id } = await drawKey();
  const key: ApiKey = {
    id,
    name: body.name,
    scopes: SCOPES.filter((scope) => body.scopes.includes(scope)),
    prefixes: [...new Set(body.prefixes)],
    createdAt: now,
    ...(body.expiresIn !== undefined && {
      expiresAt: now + durationOf(body.expiresIn, "expiresIn", now),
    }),
  };
  await noteAct(c.req.raw, c.env, "key.create", id);
  if (!(await keysAt(c.env, id).put({ digest, key }))) {
    throw new Refusal("too_many_keys", "Revoke some of them first");
  }
  return answer({ ...key, key: text }, 201);
}

/** `GET /keys`: the oldest first. */
export async function listKeys(c: C): Promise<Response> {
  refuseQuery(c.req.url);
  const lists = await Promise.all(allKeys(c.env).map((keys) => keys.list()));
  const keys = lists.flat().filter((key) => isOf(c.get("principal"), key));
  keys.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  return answer({ keys }, 200);
}

/** `DELETE /keys/:id` */
export async function revokeKey(c: C): Promise<Response> {
  refuseQuery(c.req.url);
  const id = idOfPath(c.req.url, PREFIX);
  const keys = isKeyId(id) ? keysAt(c.env, id) : undefined;
  const key = await keys?.get(id);
  if (!key || !isOf(c.get("principal"), key)) {
    throw new Refusal("key_not_found", `There is no key "${id}"`, { field: "id" });
  }
  await noteAct(c.req.raw, c.env, "key.revoke", id);
  await keys?.remove(id);
  forgetVerdict(c.env, id);
  return new Response(null, { status: 204 });
}

/** Theirs to give, so theirs to take. */
function isOf(principal: Principal, { prefixes }: ApiKey): boolean {
  return prefixes.every((pattern) => reachesAll(principal, pattern));
}

function answer(body: object, status: 200 | 201): Response {
  return Response.json(body, { status, headers: { "cache-control": "no-store" } });
}
