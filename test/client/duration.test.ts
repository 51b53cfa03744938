import { describe, expect, test } from "vitest";
import { parseDeadline, parseDuration } from "../../client/src/duration.ts";

const now = 1_000_000;

describe("a duration", () => {
  test.each([
    [0, 0],
    [1500, 1500],
    [0.2, 1],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    ["0s", 0],
    ["250ms", 250],
    ["20s", 20_000],
    ["1.5s", 1500],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["1h 30m", 5_400_000],
    [" 1h 30m ", 5_400_000],
    ["24h", 86_400_000],
    ["7d", 604_800_000],
    ["2w", 1_209_600_000],
    ["1d2h3m4s5ms", 93_784_005],
    ["PT1H", 3_600_000],
    ["PT1H30M", 5_400_000],
    ["P1DT2H", 93_600_000],
    ["P2W", 1_209_600_000],
    ["PT0.5S", 500],
    ["PT0,5S", 500],
    [new Date(now + 5000), 5000],
    [new Date(now - 5000), 0],
  ])("%j is %d ms", (input, ms) => {
    expect(parseDuration(input, "timeout", now)).toBe(ms);
  });

  test.each([
    "",
    " ",
    "20",
    "s",
    "20 s",
    "20sec",
    "1h-30m",
    "-5s",
    "+5s",
    "30m1h",
    "5m5m",
    "1e3s",
    "0x10s",
    "P",
    "PT",
    "P1DT",
    "PT1H2D",
    "1H",
    "p1d",
    "١s",
    `${"9".repeat(300)}s`,
    "9999999999999w",
  ])("%j is an error that shows it", (input) => {
    expect(() => parseDuration(input, "deadline", now)).toThrow(RangeError);
    expect(() => parseDuration(input, "deadline", now)).toThrow(/^deadline .*duration/);
    expect(() => parseDuration(input, "deadline", now)).toThrow(JSON.stringify(input.slice(0, 64)));
  });

  test.each(["P1Y", "P1M", "P1Y2M3DT4H"])("%s has no fixed length", (input) => {
    expect(() => parseDuration(input, "timeout", now)).toThrow(/say it in days/);
  });

  test.each([Number.NaN, -1, Number.NEGATIVE_INFINITY])("%d is out of range", (input) => {
    expect(() => parseDuration(input, "timeout", now)).toThrow(`got ${input}`);
  });

  test.each([null, true, {}, [], 5n, () => {}])("%o is not even a duration by type", (input) => {
    expect(() => parseDuration(input as never, "timeout", now)).toThrow(TypeError);
  });

  test("an invalid Date is an error, not NaN", () => {
    expect(() => parseDuration(new Date("soon"), "timeout", now)).toThrow(/timeout is not a date/);
  });
});

describe("a deadline", () => {
  test.each([
    ["24h", "PT86400S"],
    ["1ms", "PT0.001S"],
    ["PT1H", "PT3600S"],
    [new Date(5), 5],
    [1_795_347_279_875, 1_795_347_279_875],
    ["2026-11-22T12:00:00Z", Date.UTC(2026, 10, 22, 12)],
    ["2026-11-22T12:00:00.25+01:00", Date.UTC(2026, 10, 22, 11, 0, 0, 250)],
  ])("%j goes out as %j", (input, wire) => {
    expect(parseDeadline(input, "deadline")).toBe(wire);
  });

  test("a duration in ms where an instant belongs is caught", () => {
    expect(() => parseDeadline(86_400_000, "deadline")).toThrow(/1970-01-02.*write "20s" or "24h"/);
  });

  test.each(["2026-13-01T00:00:00Z", "2026-11-22", "tomorrow", "2026-11-22T12:00:00"])(
    "%j is an error",
    (input) => {
      expect(() => parseDeadline(input, "deadline")).toThrow(RangeError);
    },
  );

  test.each([1.5, -1, Number.NaN, Number.POSITIVE_INFINITY])("%d is an error", (input) => {
    expect(() => parseDeadline(input, "deadline")).toThrow(`got ${input}`);
  });
});
