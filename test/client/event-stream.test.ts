/** Server-Sent Events from pieces of text: whatever the pieces, the events are the same. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { eventParser, type ServerSentEvent } from "../../client/src/event-stream.ts";

function parse(...pieces: string[]): ServerSentEvent[] {
  const events: ServerSentEvent[] = [];
  const push = eventParser((event) => {
    events.push(event);
    return false;
  });
  for (const piece of pieces) push(piece);
  return events;
}

describe("an event stream", () => {
  // WHATWG HTML, 9.2.6, its examples among them.
  test.each<[string, ServerSentEvent[]]>([
    ["data: a\n\n", [{ type: "message", data: "a", id: "" }]],
    ["data: YHOO\ndata: +2\ndata: 10\n\n", [{ type: "message", data: "YHOO\n+2\n10", id: "" }]],
    [
      ": a comment\n\ndata: first\nid: 1\n\ndata:second\nid\n\ndata:  third\n\n",
      [
        { type: "message", data: "first", id: "1" },
        { type: "message", data: "second", id: "" },
        { type: "message", data: " third", id: "" },
      ],
    ],
    [
      "data\n\ndata\ndata\n\ndata:",
      [
        { type: "message", data: "", id: "" },
        { type: "message", data: "\n", id: "" },
      ],
    ],
    [
      "data:test\n\ndata: test\n\n",
      [
        { type: "message", data: "test", id: "" },
        { type: "message", data: "test", id: "" },
      ],
    ],
    [
      "\uFEFFevent: added\rdata: {}\r\rid: 7\r\ndata: x\r\n\r\n",
      [
        { type: "added", data: "{}", id: "" },
        { type: "message", data: "x", id: "7" },
      ],
    ],
    [
      "event: only\n\nretry: 5\nunknown: x\n\ndata: a\nid: \0\n\n",
      [{ type: "message", data: "a", id: "" }],
    ],
  ])("%j", (text, events) => {
    expect(parse(text)).toEqual(events);
    expect(parse(...Array.from(text))).toEqual(events);
  });

  test("cut anywhere says the same", () => {
    const line = fc.constantFrom("data: ü", "data: b", "event: added", "id: 3", ": c", "", "");
    const text = fc
      .array(fc.tuple(line, fc.constantFrom("\n", "\r\n", "\r")), { maxLength: 20 })
      // A line of its own at the end, so that the last carriage return is followed by something.
      .map((lines) => `${lines.flat().join("")}\n:end\n`);
    fc.assert(
      fc.property(text, fc.array(fc.nat(200)), (whole, cuts) => {
        const at = [0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length];
        at.sort((a, b) => a - b);
        const pieces = at.slice(1).map((end, index) => whole.slice(at[index], end));
        expect(parse(...pieces)).toEqual(parse(whole));
      }),
    );
  });

  test("says when its reader has had enough, and tells no more", () => {
    const told: string[] = [];
    const push = eventParser(({ data }) => {
      told.push(data);
      return data === "b";
    });
    expect(push("data: a\n\n")).toBe(false);
    expect(push("data: b\n\ndata: c\n\n")).toBe(true);
    expect(told).toEqual(["a", "b"]);
  });

  test("with an event that does not end is given up", () => {
    const push = eventParser(() => false);
    const much = `data: ${"x".repeat(4 * 1024 * 1024)}\n`;
    expect(() => {
      for (let n = 0; n < 8; n += 1) push(much);
    }).toThrow(/an event has more than/);
  });
});
