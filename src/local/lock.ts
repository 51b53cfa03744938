/**
 * Lets one server have a data folder. workerd does not: two of them on one folder both serve the
 * same object, each with its own memory. Two things are asked, because there are two processes:
 * the lock is held by Node, and the note says which workerd serves, in case Node alone was killed.
 * Knows nothing of starting or stopping either.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { StartError } from "./start-error.ts";

/** `<data>/server.json`: the workerd that serves the folder. Outlives a crash, so may be stale. */
interface Note {
  pid: number;
  url: string;
}

export interface FolderLock {
  /** The folder, absolute and free of symbolic links. */
  folder: string;
  /** Writes down who serves the folder now. */
  note(note: Note): void;
  /** Takes the note back: the folder is served by nobody. A crash leaves it. */
  clear(): void;
  release(): void;
}

/** An orphan dies by itself within milliseconds (see workerd.ts); more is a real one. */
const ORPHAN_WAIT_MS = 2_000;

/** So long one waits for another that only looks: of two at the same moment, one must win. */
const BUSY_MS = 200;

/** A lock that is garbage-collected is a lock that is lost, hence a root that holds them all. */
const held = new Set<DatabaseSync>();

/** Takes the folder, creating it when absent, or throws a `StartError` that says who has it. */
export async function lockFolder(data: string): Promise<FolderLock> {
  const { folder, database } = open(data);
  const path = join(folder, "server.json");
  try {
    exclude(database, folder, path);
    await refuseOrphan(folder, path);
  } catch (error) {
    database.close();
    throw error;
  }
  held.add(database);
  return {
    folder,
    note(note) {
      // Renamed into place, so that a reader never meets half a note.
      writeFileSync(`${path}.new`, `${JSON.stringify(note)}\n`);
      renameSync(`${path}.new`, path);
    },
    clear() {
      rmSync(path, { force: true });
    },
    release() {
      if (held.delete(database)) database.close();
    },
  };
}

function open(data: string): { folder: string; database: DatabaseSync } {
  try {
    mkdirSync(data, { recursive: true });
    const folder = realpathSync(data);
    return { folder, database: new DatabaseSync(join(folder, "lock.db"), { timeout: BUSY_MS }) };
  } catch (cause) {
    throw new StartError("folder_unusable", `--data ${data}: ${messageOf(cause)}`, { cause });
  }
}

/**
 * SQLite's lock is one of the operating system: it ends with the process that holds it, however
 * that ends. A file with a pid in it would be stale after a crash, and racy to take over.
 */
function exclude(database: DatabaseSync, folder: string, path: string): void {
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    if (!messageOf(cause).includes("locked")) {
      throw new StartError("folder_unusable", `${folder}/lock.db: ${messageOf(cause)}`, { cause });
    }
    const note = readNote(path);
    const who = note === undefined ? "another server" : `pid ${note.pid} at ${note.url}`;
    throw new StartError(
      "folder_in_use",
      `${folder} is already served by ${who}; stop that one, or pass another --data`,
      { cause },
    );
  }
}

async function refuseOrphan(folder: string, path: string): Promise<void> {
  const note = readNote(path);
  if (note === undefined) return;
  const limit = Date.now() + ORPHAN_WAIT_MS;
  while (isServing(note.pid, folder)) {
    if (Date.now() > limit) {
      throw new StartError(
        "folder_in_use",
        `${folder} is still served by workerd, pid ${note.pid}, at ${note.url}, ` +
          `though the server that started it is gone; end it with: kill ${note.pid}`,
      );
    }
    await sleep(20);
  }
}

/** Alive is not enough: after a reboot the pid may be anybody's. */
function isServing(pid: number, folder: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM means that it lives and belongs to another user.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return false;
  }
  const command = commandOf(pid);
  return command.includes("workerd") && command.includes(folder);
}

/** The command line, empty when there is no such process. Slim images have /proc but no `ps`. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // Not Linux, or just gone; `ps` knows.
  }
  try {
    return execFileSync("ps", ["-ww", "-o", "command=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    // `ps` fails when there is no such process.
    return "";
  }
}

/** No note, or one that makes no sense, names nobody. */
function readNote(path: string): Note | undefined {
  let note: unknown;
  try {
    note = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
  return isNote(note) ? note : undefined;
}

function isNote(note: unknown): note is Note {
  if (typeof note !== "object" || note === null || !("pid" in note && "url" in note)) return false;
  // A pid of 0 or below would address a group of processes.
  const { pid, url } = note;
  return typeof pid === "number" && Number.isInteger(pid) && pid > 0 && typeof url === "string";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
