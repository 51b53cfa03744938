/** When a delivery is tried again: three days with full jitter, what receivers ask for, and the end. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../client/src/protocol.ts";
import { DEFAULT_RETRY_MS, fateOf, type Outcome } from "../../src/machine/delivery.ts";
import { createRandom } from "../model/seeded.ts";

const START = Date.UTC(2030, 0, 1);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NETWORK: Outcome = { kind: "failed", failure: "network" };

const CHANCES = Array.from({ length: 1000 }, (_, n) => n / 1000);

const answered = (status: number, retryAfter: string | null = null): Outcome => ({
  kind: "answered",
  status,
  retryAfter,
});

/** After the first attempt, a second in; the first wait is 5 s. */
const after = (outcome: Outcome, chance = 0.5, now = START + 1000) =>
  fateOf({ attempts: 1, firstAt: START }, outcome, DEFAULT_RETRY_MS, now, chance);

describe("an attempt", () => {
  it.each([200, 201, 202, 204, 299])("that is answered %i is done", (status) => {
    expect(after(answered(status))).toEqual({ kind: "done" });
  });

  it.each([100, 199, 300, 301, 302, 304, 307, 308, 400, 401, 404, 429, 500, 503, 599])(
    "that is answered %i is made again: a redirect is not followed",
    (status) => {
      expect(after(answered(status))).toEqual({ kind: "retry", at: START + 3500 });
    },
  );

  it.each(["timeout", "network", "refused"] as const)(
    "that fails, %s, is made again",
    (failure) => {
      expect(after({ kind: "failed", failure })).toEqual({ kind: "retry", at: START + 3500 });
    },
  );

  it("that is answered 410 is the last to that endpoint", () => {
    expect(after(answered(410, "5"))).toEqual({ kind: "dead", gone: true });
  });

  it("falls into its own wait, anywhere, evenly", () => {
    expect(after(NETWORK, 0)).toEqual({ kind: "retry", at: START + 1000 });
    expect(after(NETWORK, 0.999_999)).toEqual({ kind: "retry", at: START + 5999 });
    const second = { attempts: 2, firstAt: START };
    // The wait of 30 s begins after the one of 5 s.
    const at = (now: number, chance: number) =>
      fateOf(second, NETWORK, DEFAULT_RETRY_MS, now, chance);
    expect(at(START + 2000, 0)).toEqual({ kind: "retry", at: START + 5000 });
    expect(at(START + 2000, 0.5)).toEqual({ kind: "retry", at: START + 20_000 });
    // Nothing ran for a day: it counts from then.
    expect(at(START + DAY_MS, 0.5)).toEqual({ kind: "retry", at: START + DAY_MS + 15_000 });
  });
});

describe("the waits", () => {
  it("are three days by default, each longer than the one before", () => {
    const sum = DEFAULT_RETRY_MS.reduce((total, ms) => total + ms, 0);
    expect(sum).toBeGreaterThan(3 * DAY_MS - 5 * 60_000);
    expect(sum).toBeLessThanOrEqual(3 * DAY_MS);
    expect(DEFAULT_RETRY_MS).toEqual(DEFAULT_RETRY_MS.toSorted((a, b) => a - b));
  });

  it("end with a dead letter, never early, always after the same number of attempts", () => {
    const random = createRandom(7);
    const draw = () => random.pick(CHANCES);
    const lastAt: number[] = [];
    for (let run = 0; run < 2000; run += 1) {
      let now = START;
      let attempts = 1;
      for (;;) {
        const fate = fateOf({ attempts, firstAt: START }, NETWORK, DEFAULT_RETRY_MS, now, draw());
        if (fate.kind !== "retry") {
          expect(fate).toEqual({ kind: "dead", gone: false });
          break;
        }
        expect(fate.at).toBeGreaterThanOrEqual(now);
        now = fate.at;
        attempts += 1;
      }
      expect(attempts).toBe(DEFAULT_RETRY_MS.length + 1);
      lastAt.push(now - START);
    }
    expect(Math.min(...lastAt)).toBeGreaterThan(1.9 * DAY_MS);
    expect(Math.max(...lastAt)).toBeLessThan(3 * DAY_MS);
    // Spread over all of the last wait: those that failed together do not come back together.
    expect(Math.max(...lastAt) - Math.min(...lastAt)).toBeGreaterThan(23 * HOUR_MS);
  });

  it("may be none: then the first failure is the last", () => {
    const attempted = { attempts: 1, firstAt: START };
    expect(fateOf(attempted, NETWORK, [], START, 0)).toEqual({ kind: "dead", gone: false });
  });
});

describe("Retry-After", () => {
  const now = START + 1000;
  const atOf = (header: string, status = 503) => {
    const fate = after(answered(status, header));
    return fate.kind === "retry" ? fate.at - now : fate;
  };
  const JITTERED = 2500;

  it.each([
    ["120", 120_000],
    ["0", JITTERED],
    ["1", JITTERED],
    [new Date(now + 60_000).toUTCString(), 60_000],
    ["Tuesday, 01-Jan-30 00:02:01 GMT", 120_000],
    ["Tue Jan  1 00:02:01 2030 GMT", 120_000],
    [new Date(now - 60_000).toUTCString(), JITTERED],
    ["99999999999999999999", LIMITS.webhookRetryAfterMsMax],
    ["Wed, 21 Oct 2093 07:28:00 GMT", LIMITS.webhookRetryAfterMsMax],
    ["-5", JITTERED],
    ["1.5", JITTERED],
    ["2031", 2_031_000],
    ["soon", JITTERED],
    ["", JITTERED],
  ])("%j waits %i ms", (header, ms) => {
    expect(atOf(header)).toBe(ms);
    expect(atOf(header, 429)).toBe(ms);
    expect(atOf(header, 302)).toBe(ms);
  });

  it("changes nothing about a success or the end", () => {
    expect(after(answered(200, "120"))).toEqual({ kind: "done" });
    const last = { attempts: 2, firstAt: START };
    expect(fateOf(last, answered(503, "120"), [5000], now, 0.5)).toEqual({
      kind: "dead",
      gone: false,
    });
  });
});
