/**
 * An entry as a row of the index and back. The columns are those of index-store.ts, the values in
 * the order in which it binds them.
 */
import type { PromiseEntry } from "../machine/index-entry.ts";

/** One row as it is read back. */
export type PromiseRow = {
  id: string;
  revision: number;
  birth: string;
  state: PromiseEntry["state"];
  timeout_state: NonNullable<PromiseEntry["timeoutState"]> | null;
  created_at: number;
  timeout_at: number;
  settled_at: number | null;
  tags: string;
  task_state: NonNullable<PromiseEntry["task"]>["state"] | null;
  task_version: number;
  task_resumes: number;
  pid: string | null;
  ttl_ms: number | null;
};

export function promiseValues(entry: PromiseEntry): (string | number | null)[] {
  const { task } = entry;
  return [
    entry.id,
    entry.revision,
    entry.birth,
    entry.state,
    entry.timeoutState ?? null,
    entry.createdAt,
    entry.timeoutAt,
    entry.settledAt ?? null,
    JSON.stringify(entry.tags),
    task?.state ?? null,
    task?.version ?? null,
    task?.resumes ?? null,
    task?.pid ?? null,
    task?.ttlMs ?? null,
  ];
}

export function entryOf(row: PromiseRow): PromiseEntry {
  const { id, revision, birth, state, timeout_state, settled_at, task_state, pid, ttl_ms } = row;
  return {
    kind: "promise",
    id,
    revision,
    birth,
    state,
    createdAt: row.created_at,
    timeoutAt: row.timeout_at,
    tags: tagsOf(row.tags),
    ...(timeout_state !== null && { timeoutState: timeout_state }),
    ...(settled_at !== null && { settledAt: settled_at }),
    ...(task_state !== null && {
      task: {
        state: task_state,
        version: row.task_version,
        resumes: row.task_resumes,
        ...(pid !== null && { pid }),
        ...(ttl_ms !== null && { ttlMs: ttl_ms }),
      },
    }),
  };
}

export function tagsOf(text: string): Record<string, string> {
  // SAFETY: only `put` writes here, and it writes a map of strings.
  return JSON.parse(text) as Record<string, string>;
}
