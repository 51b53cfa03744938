/**
 * Server-Sent Events as the WHATWG HTML standard has them (9.2.6), from pieces of text. Pure; knows
 * neither lines that break nor what the events mean.
 */
import { LIMITS } from "./protocol.ts";

export interface ServerSentEvent {
  /** `event:`, or `message`. */
  type: string;
  data: string;
  /** The last `id:` there was. */
  id: string;
}

/** An event may be a whole page, which ends after `searchTextMax`; twice that is no event of ours. */
const EVENT_CHARACTERS_MAX = 2 * LIMITS.searchTextMax;

/**
 * Takes the text of a stream as it comes, and tells each event when it is complete.
 *
 * @param onEvent returns `true` when that was enough
 * @returns how to give it more; whether that was enough
 * @throws RangeError from that, for an event that does not end
 */
export function eventParser(
  onEvent: (event: ServerSentEvent) => boolean,
): (text: string) => boolean {
  let rest = "";
  let isFirst = true;
  let type = "";
  let data: string[] = [];
  let size = 0;
  let id = "";
  let isEnough = false;

  const onLine = (line: string) => {
    if (line === "") {
      if (data.length > 0 && !isEnough) {
        isEnough = onEvent({ type: type || "message", data: data.join("\n"), id });
      }
      type = "";
      data = [];
      size = 0;
      return;
    }
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") type = value;
    if (field === "data") {
      data.push(value);
      size += value.length;
    }
    if (field === "id" && !value.includes("\0")) id = value;
  };

  return (text) => {
    rest += text;
    if (isFirst && rest !== "") {
      isFirst = false;
      rest = rest.replace(/^\uFEFF/, "");
    }
    let begin = 0;
    // A CR at the end may be half of a CRLF: it waits for what comes next.
    const ends = /\r\n|\n|\r(?!$)/g;
    for (let end = ends.exec(rest); end; end = ends.exec(rest)) {
      onLine(rest.slice(begin, end.index));
      begin = ends.lastIndex;
    }
    rest = rest.slice(begin);
    if (size + rest.length > EVENT_CHARACTERS_MAX) {
      throw new RangeError(`an event has more than ${EVENT_CHARACTERS_MAX} characters`);
    }
    return isEnough;
  };
}
