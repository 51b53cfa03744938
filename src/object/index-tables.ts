/**
 * The tables of a shard of the index, and how those of an earlier release become them. The first
 * column of a promise's key says whether it is settled: what is pending lies together.
 */

/** Raised when the tables change. */
export const LAYOUT = 2;

const PROMISE = `
  CREATE TABLE promise (
    settled INTEGER NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL, revision INTEGER NOT NULL,
    birth TEXT NOT NULL, state TEXT NOT NULL, timeout_state TEXT, created_at INTEGER NOT NULL,
    timeout_at INTEGER NOT NULL, settled_at INTEGER, moved TEXT, tags TEXT NOT NULL,
    title TEXT, requested_by TEXT,
    task_state TEXT, task_version INTEGER, task_resumes INTEGER, pid TEXT, ttl_ms INTEGER,
    PRIMARY KEY (settled, id)
  ) WITHOUT ROWID;
  CREATE INDEX promise_by_pid ON promise (pid) WHERE pid IS NOT NULL;`;

/** Groups whose workers have come, whether or not there ever was a task for them. */
const GROUP = `
  CREATE TABLE worker_group (
    name TEXT PRIMARY KEY, seen_at INTEGER NOT NULL
  ) WITHOUT ROWID;`;

const OTHERS = `
  CREATE TABLE schedule (
    id TEXT PRIMARY KEY, revision INTEGER NOT NULL, tags TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE removed (
    kind TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL, removed_at INTEGER NOT NULL,
    seq INTEGER NOT NULL, PRIMARY KEY (kind, id)
  ) WITHOUT ROWID;
  ${GROUP}`;

/** Tags were JSON; now they have a comma in place of the braces. */
const TAGS_OF_1 = "CASE tags WHEN '{}' THEN '' ELSE ',' || substr(tags, 2, length(tags) - 2) END";

const FROM_1 = `
  DROP INDEX promise_by_pid;
  ALTER TABLE promise RENAME TO promise_1;
  ${PROMISE}
  INSERT INTO promise
    SELECT state <> 'pending', id, 0, revision, birth, state, timeout_state, created_at, timeout_at,
      settled_at, NULL, ${TAGS_OF_1}, NULL, NULL, task_state, task_version, task_resumes, pid, ttl_ms
    FROM promise_1;
  DROP TABLE promise_1;
  UPDATE schedule SET tags = ${TAGS_OF_1};
  ALTER TABLE removed ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
  ${GROUP}`;

export function layOut(sql: SqlStorage): void {
  sql.exec(PROMISE);
  sql.exec(OTHERS);
}

export function migrate(sql: SqlStorage, layout: number): void {
  if (layout !== 1) throw new Error(`unknown layout ${layout} of the index`);
  sql.exec(FROM_1);
}
