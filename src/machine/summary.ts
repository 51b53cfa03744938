/** An entry of the index as callers see it in a list: `PromiseSummary` of protocol.ts. */
import type { PromiseSummary, State } from "../../client/src/protocol.ts";
import type { PromiseEntry } from "./index-entry.ts";
import { promiseUrl } from "./resource.ts";

/** @param entry projected */
export function summaryOf(entry: PromiseEntry, origin: string): PromiseSummary {
  const { id, state, timeoutAt, tags, createdAt, settledAt, title, requestedBy, task } = entry;
  return {
    id,
    // SAFETY: the same words, in capitals.
    state: state.toUpperCase() as State,
    timeout: timeoutAt,
    tags,
    createdOn: createdAt,
    ...(settledAt !== undefined && { completedOn: settledAt }),
    ...(title !== undefined && { title }),
    ...(requestedBy !== undefined && { requestedBy }),
    ...(task && {
      task: {
        state: task.state,
        version: task.version,
        ...(task.pid !== undefined && { pid: task.pid }),
      },
    }),
    url: promiseUrl(origin, id),
  };
}
