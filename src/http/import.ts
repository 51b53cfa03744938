/**
 * `POST /import`: lines as `GET /export` writes them, each a promise that becomes what it says, unless
 * its id is taken; then it is compared and nothing is changed. So an import that was cut off is simply
 * done again. A line that is none is refused by its number, and the others go on.
 *
 * The answer comes while the lines do, a line for each. It is held in memory until it is read, for many
 * callers read nothing before they have sent everything; that is bounded by how many lines are taken.
 */
import {
  IMPORT_RESULTS,
  LIMITS,
  type ImportedLine,
  type ImportResult,
  type ImportSummary,
} from "../../client/src/protocol.ts";
import { roomFor } from "../in-memory.ts";
import { logFailure } from "../log.ts";
import type { Import } from "../machine/import.ts";
import { noteAct } from "./acts.ts";
import { again } from "./again.ts";
import type { Call } from "./edge.ts";
import { invalid, Refusal } from "./errors.ts";
import { parseImport } from "./import-line.ts";
import { isNdjson, linesOf, NDJSON, type Line } from "./ndjson.ts";
import { refuseQuery } from "./parse.ts";
import { outOfReach } from "./permission.ts";
import { reaches } from "./principal.ts";

/** So many, or so long in all, are on their way at once. */
const AT_A_TIME = 16;
const CHARACTERS_MAX = 8 * 1024 * 1024;

type Result = Omit<ImportedLine, "done">;

export async function importPromises(call: Call): Promise<Response> {
  const { request, env } = call;
  refuseQuery(request.url);
  const { body } = request;
  refuseOtherTypes(request.headers);
  if (!body) throw invalid("body", "The body must have a promise on each line");
  await noteAct(request, env, "promise.import");
  return new Response(resultsOf(call, body), {
    headers: { "content-type": NDJSON, "cache-control": "no-store" },
  });
}

function refuseOtherTypes(headers: Headers): void {
  const mediaType = headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
  const encoding = headers.get("content-encoding")?.toLowerCase() ?? "identity";
  if (isNdjson(mediaType) && encoding === "identity") return;
  const field = encoding === "identity" ? "content-type" : "content-encoding";
  throw new Refusal("unsupported_media_type", `The body must be ${NDJSON}, not compressed`, {
    field,
    headers: { accept: NDJSON },
  });
}

function resultsOf(call: Call, body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let isGone = false;
  return new ReadableStream<Uint8Array>({
    start(stream) {
      const say = (line: object): void => {
        if (!isGone) stream.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      };
      void importAll(call, linesOf(body, LIMITS.importLineBytesMax), say).then(
        () => isGone || stream.close(),
        // The caller hung up in the middle of a line.
        (error: unknown) => isGone || stream.error(error),
      );
    },
    cancel() {
      isGone = true;
    },
  });
}

async function importAll(
  call: Call,
  lines: AsyncIterable<Line>,
  say: (line: ImportedLine | ImportSummary) => void,
): Promise<void> {
  const counts = noCounts();
  let done = 0;
  let taken = 0;
  let next: number | null = null;
  let batch = new Batch();
  const flush = async (): Promise<void> => {
    for (const result of await Promise.all(batch.works.map((work) => work()))) {
      done += 1;
      counts[result.result] += 1;
      say({ ...result, done });
    }
    batch = new Batch();
  };
  for await (const line of lines) {
    // Heard out, for whoever is cut off while they send hears no answer.
    if (next !== null) continue;
    if (taken >= LIMITS.importLinesMax) {
      next = line.number;
      continue;
    }
    const asked = understood(line, call);
    // A mark of the export that the lines come from.
    if (asked === "mark") continue;
    taken += 1;
    if (!batch.hasRoomFor(asked, line)) await flush();
    batch.add(asked, line, () => resultOf(asked, line, call));
  }
  await flush();
  say({ done, ...counts, next });
}

/** Of one id there is one at a time, so that the earlier line is the first. */
class Batch {
  readonly works: (() => Promise<Result>)[] = [];
  #ids = new Set<string>();
  #characters = 0;

  hasRoomFor(asked: Asked, { text = "" }: Line): boolean {
    if (this.works.length >= AT_A_TIME) return false;
    if (this.#characters + text.length > CHARACTERS_MAX) return this.works.length === 0;
    return !("record" in asked && this.#ids.has(asked.record.id));
  }

  add(asked: Asked, { text = "" }: Line, work: () => Promise<Result>): void {
    this.works.push(work);
    this.#characters += text.length;
    if ("record" in asked) this.#ids.add(asked.record.id);
  }
}

type Asked = Import | Result;

function understood({ number: line, text }: Line, call: Call): Asked | "mark" {
  let id: string | undefined;
  try {
    if (text === undefined) throw tooLong();
    const value = parsed(text);
    if (isMark(value)) return "mark";
    id = idIn(value);
    const asked = parseImport(text, value, call, Date.now());
    if (!reaches(call.principal, asked.record.id)) throw outOfReach(asked.record.id);
    return asked;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { field } = error.extra;
    return {
      line,
      ...(id !== undefined && { id }),
      result: "refused",
      ...(field !== undefined && { fields: [field] }),
      detail: error.message,
    };
  }
}

async function resultOf(asked: Asked, { number: line }: Line, { env }: Call): Promise<Result> {
  if (!("record" in asked)) return asked;
  const { id } = asked.record;
  try {
    const fields = await again(async () => {
      await roomFor(env, id);
      return env.PROMISES.getByName(id).importRecord(asked);
    });
    if (fields === undefined) return { line, id, result: "imported" };
    if (fields.length === 0) return { line, id, result: "same" };
    const detail = "There is another promise under this id, which was left as it is";
    return { line, id, result: "conflict", fields, detail };
  } catch (error) {
    logFailure("a line could not be imported", error, { promise: id });
    return { line, id, result: "failed", detail: "It may be there or not: send it again" };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid("body", `The line is not JSON: ${(error as Error).message}`);
  }
}

/** As far as it has one, for whoever looks for the line. */
function idIn(value: unknown): string | undefined {
  const id = typeof value === "object" && value !== null && "id" in value ? value.id : undefined;
  return typeof id === "string" ? id.slice(0, LIMITS.idBytesMax) : undefined;
}

function isMark(value: unknown): boolean {
  return typeof value === "object" && value !== null && "cursor" in value && !("id" in value);
}

function tooLong(): Refusal {
  const detail = `A line may have ${LIMITS.importLineBytesMax} bytes at most, in UTF-8`;
  return new Refusal("too_large", detail, { field: "body" });
}

function noCounts(): Record<ImportResult, number> {
  // SAFETY: one entry for each result.
  return Object.fromEntries(IMPORT_RESULTS.map((result) => [result, 0])) as Record<
    ImportResult,
    number
  >;
}
