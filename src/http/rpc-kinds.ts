/** All kinds of Resonate's protocol that are served, by name. */
import type { Kinds } from "./rpc-ask.ts";
import { DEBUG_KINDS } from "./rpc-debug.ts";
import { PROMISE_KINDS } from "./rpc-promises.ts";
import { SCHEDULE_KINDS } from "./rpc-schedules.ts";
import { SEARCH_KINDS } from "./rpc-search.ts";
import { TASK_KINDS } from "./rpc-tasks.ts";

export const KINDS: Kinds = {
  ...PROMISE_KINDS,
  ...TASK_KINDS,
  ...SCHEDULE_KINDS,
  ...SEARCH_KINDS,
  ...DEBUG_KINDS,
};
