/** `GET /stats`, `GET /activity` and `GET /groups`: figures that the index derives from its rows. */
import type { Activity, Stats, TaskState } from "../../client/src/protocol.ts";
import type { Env } from "../env.ts";
import { parseAddress } from "../machine/address.ts";
import { activityOf, statsOf } from "../machine/figures.ts";
import type { PromiseTerms } from "../machine/query.ts";
import type { C } from "./edge.ts";
import { Refusal } from "./errors.ts";
import { idOfPath, refuseQuery } from "./parse.ts";
import { requireAllIds } from "./permission.ts";
import { reachesGroup, type Principal } from "./principal.ts";
import { allShards } from "./search.ts";

/** So far back `GET /activity` looks. */
const ACTIVITY_MS = 6 * 60 * 60 * 1000;

const AT_A_TIME = 50;

interface GroupView {
  group: string;
  /** Who is connected, by pid. */
  workers: string[];
  tasks: Record<Exclude<TaskState, "fulfilled">, number>;
}

/** `GET /stats` */
export async function showStats(c: C): Promise<Response> {
  refuseQuery(c.req.url);
  return answer(await readStats(c.env, c.get("principal")));
}

/** `GET /activity` */
export async function showActivity(c: C): Promise<Response> {
  refuseQuery(c.req.url);
  requireAllIds(c.get("principal"));
  return answer(await readActivity(c.env));
}

/** `GET /groups`: those that tasks are for, and those whose workers have come, by name. */
export async function listGroups(c: C): Promise<Response> {
  refuseQuery(c.req.url);
  return answer({ groups: await readGroups(c.env, c.get("principal")) });
}

/** `GET /groups/:group` */
export async function showGroup(c: C): Promise<Response> {
  refuseQuery(c.req.url);
  const group = idOfPath(c.req.url, "/groups/");
  // Its workers may have come before its first task, so that a name is all that it needs.
  if (
    !reachesGroup(c.get("principal"), group) ||
    parseAddress(`poll://any@${group}`) === undefined
  ) {
    throw new Refusal("group_not_found", `There is no group "${group}"`, { field: "group" });
  }
  const tasks = (await readTasks(c.env, c.get("principal"))).get(group) ?? noTasks();
  return answer(await viewOf(c.env, group, tasks));
}

export async function readStats(env: Env, { prefixes }: Principal): Promise<Stats> {
  const now = Date.now();
  const terms: PromiseTerms = prefixes === "all" ? {} : { within: prefixes };
  return statsOf(await Promise.all(allShards(env).map((shard) => shard.figures(terms, now))), now);
}

/** Of the whole deployment. @param backMs how far back minutes are told of; the totals are of all time */
export async function readActivity(env: Env, backMs = ACTIVITY_MS): Promise<Activity> {
  const now = Date.now();
  const shards = allShards(env).map((shard) => shard.moments(now - backMs, now));
  return activityOf(await Promise.all(shards), now);
}

async function readGroups(env: Env, principal: Principal): Promise<GroupView[]> {
  const [groups, seen] = await Promise.all([
    readTasks(env, principal),
    Promise.all(allShards(env).map((shard) => shard.groups())),
  ]);
  for (const group of seen.flat()) {
    if (!groups.has(group) && reachesGroup(principal, group)) groups.set(group, noTasks());
  }
  const all = [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const views: GroupView[] = [];
  // Each is asked in an object of its own.
  for (let at = 0; at < all.length; at += AT_A_TIME) {
    const some = all.slice(at, at + AT_A_TIME);
    views.push(...(await Promise.all(some.map(([group, tasks]) => viewOf(env, group, tasks)))));
  }
  return views;
}

/** Of each group that the principal reaches, and for which there is work. */
async function readTasks(env: Env, principal: Principal): Promise<Map<string, GroupView["tasks"]>> {
  const now = Date.now();
  const figures = await Promise.all(allShards(env).map((shard) => shard.figures({}, now)));
  const groups = new Map<string, GroupView["tasks"]>();
  for (const { state, target, n } of figures.flatMap(({ tasks }) => tasks)) {
    const address = parseAddress(target);
    if (address?.kind !== "poll" || !reachesGroup(principal, address.group)) continue;
    const tasks = groups.get(address.group) ?? noTasks();
    // What is over is nobody's work any more.
    if (!(state in tasks)) continue;
    // SAFETY: it is one of its keys.
    tasks[state as keyof GroupView["tasks"]] += n;
    groups.set(address.group, tasks);
  }
  return groups;
}

async function viewOf(env: Env, group: string, tasks: GroupView["tasks"]): Promise<GroupView> {
  return { group, workers: await env.INBOXES.getByName(group).connected(), tasks };
}

function noTasks(): GroupView["tasks"] {
  return { pending: 0, acquired: 0, suspended: 0, halted: 0 };
}

function answer(body: object): Response {
  return Response.json(body, { headers: { "cache-control": "no-store" } });
}
