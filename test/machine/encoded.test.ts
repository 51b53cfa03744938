/** Plain JSON as Resonate's SDKs take it: base64 of its text, unless its sender has done that. */
import { describe, expect, test } from "vitest";
import { encoded } from "../../src/machine/encoded.ts";

describe("data that did not come over the protocol", () => {
  test.each([
    ["true", "true"],
    ['{"approved":true,"by":"Zoë 🙂"}', '{"approved":true,"by":"Zoë 🙂"}'],
    ["12345678901234567890", "12345678901234567890"],
    ['"yes"', '"yes"'],
    ['"not base64!"', '"not base64!"'],
    ["[1, 2]", "[1, 2]"],
    ['"\\ud800"', '"\\ud800"'],
  ])("%s is encoded", (data, text) => {
    const { data: shown } = encoded({ data });
    expect(Buffer.from(JSON.parse(shown!) as string, "base64").toString()).toBe(text);
  });

  test.each([JSON.stringify(Buffer.from('{"a":1}').toString("base64")), '""'])(
    "%s is encoded already",
    (data) => {
      expect(encoded({ data, headers: { a: "b" } })).toEqual({ data, headers: { a: "b" } });
    },
  );

  test("nothing stays nothing", () => {
    expect(encoded({})).toEqual({});
  });
});
