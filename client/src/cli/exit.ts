/**
 * How a command ends: a number that a script can use, after sysexits.h where that has one, and a
 * sentence for people.
 */
import {
  isApiError,
  isConnectionError,
  isDurablePromiseError,
  isTimeoutError,
  type Problem,
  type PromiseRecord,
} from "../index.ts";
import { UsageError } from "./command.ts";
import { jsonLine } from "./json.ts";
import { cut } from "./table.ts";

export const EXIT = {
  ok: 0,
  /** Of `wait`: rejected or cancelled. Of `doctor`: something is wrong. */
  rejected: 1,
  /** Of `wait`: the promise, or the waiting, timed out. */
  timedOut: 2,
  usage: 64,
  /** The server does not take what it was given. */
  badData: 65,
  notFound: 66,
  /** Cannot be reached, or did not answer in time. */
  unreachable: 69,
  failed: 70,
  /** Somebody was first: settled, or created, already. */
  conflict: 73,
  /** 429 or 503, also after some attempts. */
  tryLater: 75,
  forbidden: 77,
  interrupted: 130,
} as const;

/** For the help. */
export const EXIT_HELP: readonly (readonly [number, string])[] = [
  [EXIT.ok, "done; of wait: resolved"],
  [EXIT.rejected, "wait: rejected or cancelled; doctor: something is wrong"],
  [EXIT.timedOut, "wait: the promise timed out, or the waiting did (--timeout)"],
  [EXIT.usage, "the command was not understood"],
  [EXIT.badData, "the server does not take what it was given"],
  [EXIT.notFound, "there is no such promise, link, schedule, ..."],
  [EXIT.unreachable, "the server cannot be reached, or does not answer in time"],
  [EXIT.failed, "anything else"],
  [EXIT.conflict, "somebody was first: it is settled, or exists, already"],
  [EXIT.tryLater, "too many requests, or not available now"],
  [EXIT.forbidden, "the key is missing, wrong, or may not do this"],
  [EXIT.interrupted, "Ctrl-C"],
];

const CONFLICTS = new Set(["exists", "pending", "already_voted", "not_a_voter", "schedule_exists"]);

export function exitOf(error: unknown): number {
  // The client refuses options that make no sense with these two, and shows what it got.
  if (error instanceof UsageError || error instanceof TypeError || error instanceof RangeError) {
    return EXIT.usage;
  }
  if (isConnectionError(error) || isTimeoutError(error)) return EXIT.unreachable;
  if (!isDurablePromiseError(error)) return EXIT.failed;
  const { code } = error;
  if (code.startsWith("already_") || CONFLICTS.has(code)) return EXIT.conflict;
  if (code === "disposed") return EXIT.notFound;
  if (!isApiError(error) || code === "unexpected_answer") return EXIT.failed;
  // 503 as well, but nothing that passes by itself.
  if (code === "not_configured") return EXIT.failed;
  const { status } = error;
  if (status === 401 || status === 403) return EXIT.forbidden;
  if (status === 404 || status === 410) return EXIT.notFound;
  if (status === 429 || status === 503) return EXIT.tryLater;
  return status < 500 ? EXIT.badData : EXIT.failed;
}

/** What is known of an error, for scripts: a line of JSON. */
export function errorObject(error: unknown): object {
  const { message, code, status, field, problem, record, errors } = error as Partial<
    Error & {
      code: string;
      status: number;
      field: string;
      problem: Problem;
      record: PromiseRecord;
      errors: unknown;
    }
  >;
  const promise = record ?? problem?.promise;
  return {
    code: error instanceof UsageError ? "usage" : (code ?? "failed"),
    message: message ?? String(error),
    ...(status !== undefined && { status }),
    ...(field !== undefined && { field }),
    ...(errors !== undefined && { errors }),
    ...(promise !== undefined && { promise }),
  };
}

/** As much of the winner's value as helps to know it again. */
const OUTCOME_COLUMNS_MAX = 200;

/** What is known of an error, for people. */
export function errorText(error: unknown): string {
  const { message, errors, code, record } = error as Partial<Error> & {
    errors?: readonly { pointer: string; message: string }[];
    code?: string;
    record?: PromiseRecord;
  };
  const lines = [message || String(error)];
  const won = code?.startsWith("already_") ? record?.value.data : undefined;
  if (won !== undefined) lines.push(cut(jsonLine(won), OUTCOME_COLUMNS_MAX));
  if (code === "invalid_value") {
    for (const fault of errors ?? []) lines.push(`  ${fault.pointer || "/"}: ${fault.message}`);
  }
  return lines.join("\n");
}
