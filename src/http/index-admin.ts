/** `/index`: how the index is, shard by shard; and the call that compares it with the promises. */
import { noteAct } from "./acts.ts";
import type { C } from "./edge.ts";
import { invalid } from "./errors.ts";
import { queryOf, refuseQuery } from "./parse.ts";
import { requireAllIds } from "./permission.ts";
import { allShards } from "./search.ts";

/** `GET /index` */
export async function showIndex(c: C): Promise<Response> {
  refuseQuery(c.req.url);
  requireAllIds(c.get("principal"));
  const now = Date.now();
  const shards = await Promise.all(allShards(c.env).map((shard) => shard.status(now)));
  return Response.json({ shards }, { headers: { "cache-control": "no-store" } });
}

/** `POST /index/rebuild`, all shards or `?shard=`: goes on by itself; `GET /index` says how far it is. */
export async function rebuildIndex(c: C): Promise<Response> {
  requireAllIds(c.get("principal"));
  const shards = allShards(c.env);
  const asked = queryOf(c.req.url, ["shard"]).get("shard");
  if (asked !== null && !(/^\d+$/.test(asked) && Number(asked) < shards.length)) {
    throw invalid("shard", `shard must be 0 to ${shards.length - 1}`);
  }
  const wanted = asked === null ? shards : [shards[Number(asked)]!];
  await noteAct(c.req.raw, c.env, "index.rebuild", asked ?? undefined);
  const checks = await Promise.all(wanted.map((shard) => shard.rebuild()));
  const started = checks.filter((check) => check !== null).length;
  return Response.json({ started }, { status: 202, headers: { "cache-control": "no-store" } });
}
