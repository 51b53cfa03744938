import { describe, expect, test } from "vitest";
import { ApiError, ConnectionError, RejectedError, TimeoutError } from "../../client/src/errors.ts";
import {
  backoffMs,
  DEFAULT_RETRY,
  defaultShouldRetry,
  nextDelayMs,
  resolveRetry,
  retryAfterMs,
} from "../../client/src/retry.ts";

const api = (status: number, more: { code?: "not_configured"; retryAfterMs?: number } = {}) =>
  new ApiError("x", { code: "unavailable", status, ...more });

describe("backoff", () => {
  test("is drawn between zero and a ceiling that doubles up to its limit", () => {
    const ceilings = [1, 2, 3, 6, 7, 50].map((attempt) => backoffMs(DEFAULT_RETRY, attempt, 1));
    expect(ceilings).toEqual([100, 200, 400, 3200, 5000, 5000]);
    expect(backoffMs(DEFAULT_RETRY, 3, 0)).toBe(0);
    expect(backoffMs(DEFAULT_RETRY, 3, 0.5)).toBe(200);
  });

  test("stays finite after thousands of attempts", () => {
    expect(backoffMs(DEFAULT_RETRY, 5000, 0.5)).toBe(2500);
  });
});

describe("what is tried again by default", () => {
  test.each([
    ["a broken line", new ConnectionError("x"), true],
    ["429", api(429), true],
    ["502", api(502), true],
    ["503", api(503), true],
    ["504", api(504), true],
    ["503 without keys", api(503, { code: "not_configured" }), false],
    ["500", api(500), false],
    ["400", api(400), false],
    ["401", api(401), false],
    ["our own time limit", new TimeoutError(5), false],
    ["a rejection", new RejectedError({ message: "no" }), false],
    ["a bug", new TypeError("x"), false],
  ])("%s: %o → %s", (_, error, expected) => {
    expect(defaultShouldRetry(error)).toBe(expected);
  });
});

describe("the next delay", () => {
  const policy = resolveRetry({ retries: 2, firstDelay: 100 });

  test("ends with the retries", () => {
    const error = new ConnectionError("x");
    expect(nextDelayMs(policy, error, 2, 1e6, 0.5)).toBe(100);
    expect(nextDelayMs(policy, error, 3, 1e6, 0.5)).toBeUndefined();
  });

  test("is at least what the server asks for", () => {
    expect(nextDelayMs(policy, api(503, { retryAfterMs: 7000 }), 1, 1e6, 0.5)).toBe(7000);
  });

  test("is not begun when the time left cannot hold what the server asks for", () => {
    expect(nextDelayMs(policy, api(503, { retryAfterMs: 7000 }), 1, 6000, 0.5)).toBeUndefined();
  });

  test("composes with the default policy", () => {
    const { shouldRetry } = resolveRetry({
      shouldRetry: (error, attempt) => attempt < 2 && defaultShouldRetry(error),
    });
    expect(shouldRetry(api(503), 1)).toBe(true);
    expect(shouldRetry(api(503), 2)).toBe(false);
  });
});

describe("retry options", () => {
  test("default to the exported policy, and false means once", () => {
    expect(resolveRetry()).toEqual(DEFAULT_RETRY);
    expect(resolveRetry(false).retries).toBe(0);
  });

  test.each([
    [{ retries: -1 }, "got -1"],
    [{ retries: 1.5 }, "got 1.5"],
    [{ retries: "3" }, 'got "3"'],
    [{ shouldRetry: true }, "got true"],
    [{ firstDelay: "soon" }, 'retry.firstDelay is not a duration: "soon"'],
    [null, "got null"],
  ])("%o: %s", (options, message) => {
    expect(() => resolveRetry(options as never)).toThrow(message);
  });
});

test.each([
  [null, undefined],
  ["3", 3000],
  ["0", 0],
  ["Sun, 22 Nov 2026 12:00:05 GMT", 5000],
  ["Sun, 22 Nov 2026 11:00:00 GMT", 0],
  ["whenever", undefined],
])("Retry-After %j is %j ms", (header, expected) => {
  expect(retryAfterMs(header, Date.UTC(2026, 10, 22, 12))).toBe(expected);
});
