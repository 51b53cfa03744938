/**
 * An entry as a row of the index and back. The columns are those of index-tables.ts, the values in
 * the order of {@link PROMISE_COLUMNS}.
 */
import type { PromiseEntry } from "../machine/index-entry.ts";

/** One row as it is read back. */
export type PromiseRow = {
  settled: number;
  id: string;
  seq: number;
  revision: number;
  birth: string;
  state: PromiseEntry["state"];
  timeout_state: NonNullable<PromiseEntry["timeoutState"]> | null;
  created_at: number;
  timeout_at: number;
  settled_at: number | null;
  moved: string | null;
  tags: string;
  title: string | null;
  requested_by: string | null;
  task_state: NonNullable<PromiseEntry["task"]>["state"] | null;
  task_version: number;
  task_resumes: number;
  pid: string | null;
  ttl_ms: number | null;
};

export const PROMISE_COLUMNS = [
  "settled",
  "id",
  "seq",
  "revision",
  "birth",
  "state",
  "timeout_state",
  "created_at",
  "timeout_at",
  "settled_at",
  "moved",
  "tags",
  "title",
  "requested_by",
  "task_state",
  "task_version",
  "task_resumes",
  "pid",
  "ttl_ms",
] as const satisfies (keyof PromiseRow)[];

export function promiseValues(entry: PromiseEntry, seq: number): (string | number | null)[] {
  const { task } = entry;
  return [
    phaseOf(entry),
    entry.id,
    seq,
    entry.revision,
    entry.birth,
    entry.state,
    entry.timeoutState ?? null,
    entry.createdAt,
    entry.timeoutAt,
    entry.settledAt ?? null,
    entry.moved ? JSON.stringify(entry.moved) : null,
    tagsText(entry.tags),
    entry.title ?? null,
    entry.requestedBy ?? null,
    task?.state ?? null,
    task?.version ?? null,
    task?.resumes ?? null,
    task?.pid ?? null,
    task?.ttlMs ?? null,
  ];
}

/** The first column of the key: what is pending lies together, and is found without the others. */
export function phaseOf({ state }: PromiseEntry): 0 | 1 {
  return state === "pending" ? 0 : 1;
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
    ...(row.title !== null && { title: row.title }),
    ...(row.requested_by !== null && { requestedBy: row.requested_by }),
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
    // SAFETY: only `promiseValues` writes here.
    ...(row.moved !== null && {
      moved: JSON.parse(row.moved) as NonNullable<PromiseEntry["moved"]>,
    }),
  };
}

/**
 * Tags as JSON without its braces, each with a comma before it: `,"a":"1","b":"2"`. In a string every
 * quote has a backslash before it, so `,"a":"1"` is found where that tag is, and nowhere else.
 */
export function tagsText(tags: Record<string, string>): string {
  return Object.entries(tags)
    .map(([key, value]) => `,${JSON.stringify(key)}:${JSON.stringify(value)}`)
    .join("");
}

export function tagsOf(text: string): Record<string, string> {
  // SAFETY: only `tagsText` writes here.
  return JSON.parse(`{${text.slice(1)}}`) as Record<string, string>;
}
