/**
 * Where a worker is reached: the text of a `resonate:target` tag or of a listener, taken apart. Says
 * what a group and a worker may be called; whether anybody is there is not known here.
 *
 *     poll://any@group         any worker of the group
 *     poll://any@group/pid     any, preferably this one
 *     poll://uni@group/pid     this one
 *     https://host/path        whoever answers there
 */
import { LIMITS } from "../../client/src/protocol.ts";

/** Whom of a group a message is for: any of its workers, or one by name. */
export interface Addressee {
  cast: "any" | "uni";
  /** With `uni` the only one, with `any` the preferred one. */
  pid?: string;
}

export type Address =
  | { kind: "poll"; cast: "any"; group: string; pid?: string }
  | { kind: "poll"; cast: "uni"; group: string; pid: string }
  | { kind: "push"; url: string };

/** Group and pid are raw text, so that a pid may have slashes and line breaks in it. */
const POLL = /^poll:\/\/(?<cast>any|uni)@(?<group>[^/]+)(?:\/(?<pid>.+))?$/s;
const PUSH = /^https?:\/\/./i;

/** @returns `undefined` for what is no address */
export function parseAddress(text: string): Address | undefined {
  if (PUSH.test(text)) return { kind: "push", url: text };
  const { cast, group, pid } = POLL.exec(text)?.groups ?? {};
  if (group === undefined || faultOfGroup(group) !== undefined) return undefined;
  if (pid !== undefined && faultOfPid(pid) !== undefined) return undefined;
  if (cast === "any") return { kind: "poll", cast, group, ...(pid !== undefined && { pid }) };
  return pid === undefined ? undefined : { kind: "poll", cast: "uni", group, pid };
}

/** What is wrong with a group's name, to follow it in a sentence. */
export function faultOfGroup(group: string): string | undefined {
  if (group.includes("/")) return "must not have a slash in it";
  return faultOfName(group, LIMITS.groupBytesMax);
}

/** What is wrong with a worker's name, to follow it in a sentence. */
export function faultOfPid(pid: string): string | undefined {
  return faultOfName(pid, LIMITS.pidBytesMax);
}

function faultOfName(name: string, bytesMax: number): string | undefined {
  if (name === "") return "must not be empty";
  // Half a pair is written as the replacement character: two names would be one.
  if (/\p{Cs}/u.test(name)) return "must be well-formed Unicode";
  return utf8Length(name) > bytesMax ? `must have ${bytesMax} bytes at most` : undefined;
}

function utf8Length(text: string): number {
  let length = 0;
  for (const character of text) {
    const point = character.codePointAt(0)!;
    length += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x1_0000 ? 3 : 4;
  }
  return length;
}
