/** `GET /audit?limit=&cursor=&who=&did=&on=`: the audit log, the newest entries first, in pages. */
import * as v from "valibot";
import { AUDIT_ACTS, LIMITS, type AuditPage } from "../../client/src/protocol.ts";
import {
  AUDIT_SHARDS,
  auditName,
  entryOf,
  mergeActs,
  type AuditPlace,
  type AuditQuery,
} from "../machine/audit.ts";
import type { C } from "./edge.ts";
import { badCursor, limitText, readCursor, textOfCursor } from "./page-query.ts";
import { queryOf, validate } from "./parse.ts";
import { requireAllIds } from "./permission.ts";

const text = v.pipe(v.string(), v.nonEmpty("must not be empty"), v.maxLength(LIMITS.idBytesMax));

const auditQuery = v.strictObject({
  limit: v.optional(limitText, String(LIMITS.searchLimitDefault)),
  cursor: v.optional(v.string()),
  who: v.optional(text),
  did: v.optional(
    v.pipe(
      text,
      v.check(
        (word) => AUDIT_ACTS.some((act) => act === word || isBeginningOf(word, act)),
        `must be one of ${AUDIT_ACTS.join(", ")}, or the beginning of some and a *`,
      ),
    ),
  ),
  on: v.optional(text),
});

export async function readAudit(c: C): Promise<Response> {
  requireAllIds(c.get("principal"));
  const query = parseQuery(c.req.url);
  const asked = { ...query, limit: query.limit + 1 };
  const pages = Array.from({ length: AUDIT_SHARDS }, (_, shard) =>
    c.env.AUDIT.getByName(auditName(shard)).find(asked),
  );
  const { acts, until } = mergeActs(await Promise.all(pages), query.limit);
  const page: AuditPage = {
    entries: acts.map(entryOf),
    ...(until && { cursor: textOfCursor(`${until.at}/${until.id}`) }),
  };
  return Response.json(page, { headers: { "cache-control": "no-store" } });
}

function parseQuery(url: string): AuditQuery {
  const query = queryOf(url, Object.keys(auditQuery.entries));
  const { cursor, ...terms } = validate(auditQuery, Object.fromEntries(query), "");
  return { ...terms, ...(cursor !== undefined && { before: placeOf(cursor) }) };
}

function placeOf(cursor: string): AuditPlace {
  const [, at, id] = /^(\d{1,16})\/([\da-f-]{36})$/.exec(readCursor(cursor) ?? "") ?? [];
  if (at === undefined || id === undefined) throw badCursor();
  return { at: Number(at), id };
}

function isBeginningOf(word: string, act: string): boolean {
  return word.endsWith("*") && act.startsWith(word.slice(0, -1));
}
