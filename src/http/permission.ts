/**
 * What is said to those who may not. Without the scope: 403, naming it. Outside the caller's prefixes:
 * the answer is the same whatever is there, so that nobody learns what others have. It is 404, as for
 * an id that nobody has created; to make something there is 403, for the caller knows its prefixes.
 *
 * The object of an id outside is never asked. Another one is, so that the answer takes its time.
 */
import type { Scope } from "../../client/src/protocol.ts";
import type { Env } from "../env.ts";
import { indexShardOf } from "../machine/ids.ts";
import { Refusal } from "./errors.ts";
import { hasScope, reaches, type Principal } from "./principal.ts";

/** What is said of an id that is out of reach. */
export type Outside = "no promise" | "no schedule" | "forbidden";

interface Asker {
  env: Env;
  principal: Principal;
}

/** Few, for each is files on a local disk; more than one, for they may be asked by many at once. */
const DECOYS = 8;

/** @throws Refusal when the caller may not do that to this id */
export async function permit(
  { env, principal }: Asker,
  scope: Scope,
  id: string,
  outside: Outside,
): Promise<void> {
  requireScope(principal, scope);
  if (reaches(principal, id)) return;
  if (outside === "forbidden") throw outOfReach(id);
  await askDecoy(env, id, outside);
  throw outside === "no promise" ? noPromise(id) : noSchedule(id);
}

/** @throws Refusal where the ids of others are in what is asked for, and cannot be told apart from it */
export function requireAllIds({ prefixes }: Principal): void {
  if (prefixes === "all") return;
  throw new Refusal("forbidden", "This is of the whole deployment: it needs a key for all ids");
}

/** @throws Refusal without it */
export function requireScope(principal: Principal, scope: Scope): void {
  if (hasScope(principal, scope)) return;
  throw new Refusal("forbidden", `This needs the scope "${scope}", which your key does not have`, {
    headers: {
      // RFC 6750, section 3.1.
      "www-authenticate": `Bearer realm="durable-promises", error="insufficient_scope", scope="${scope}"`,
    },
  });
}

export function noPromise(id: string): Refusal {
  return new Refusal("not_found", `There is no promise "${id}"`, { field: "id" });
}

export function noSchedule(id: string): Refusal {
  return new Refusal("schedule_not_found", `There is no schedule "${id}"`, { field: "id" });
}

export function outOfReach(id: string): Refusal {
  return new Refusal("forbidden", `Your key makes nothing under "${id}"`, { field: "id" });
}

/** An object that nobody can have made anything in. */
export function decoyName(id: string): string {
  return `\u0000nothing/${indexShardOf(id, DECOYS)}`;
}

/** Takes as long as to find out that there is nothing; no id has a control character. */
export async function askDecoy(env: Env, id: string, outside: Outside): Promise<void> {
  const name = decoyName(id);
  await (
    outside === "no schedule" ? env.SCHEDULES.getByName(name) : env.PROMISES.getByName(name)
  ).get();
}
