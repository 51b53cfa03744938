/** When schedules fire, in the zones that make it hard, and what they make. */
import { describe, expect, it } from "vitest";
import {
  CATCH_UP_MAX,
  due,
  faultOfCron,
  faultOfTemplate,
  idOfOccurrence,
  nextRunAt,
  nextRuns,
  occurrence,
  paused,
  type Schedule,
} from "../../src/machine/schedule.ts";

const at = (text: string) => Date.parse(text);
const HOUR_MS = 3_600_000;

function schedule(rest: Partial<Schedule> = {}): Schedule {
  const made = {
    id: "report",
    cron: "0 * * * *",
    timezone: "UTC",
    promiseId: "{{.id}}/{{.timestamp}}",
    promiseTimeoutMs: HOUR_MS,
    promiseParam: {},
    promiseTags: {},
    birth: "b",
    createdAt: at("2026-01-01T00:30Z"),
    paused: false,
    ...rest,
  };
  return { nextRunAt: nextRunAt(made.cron, made.timezone, made.createdAt), ...made };
}

describe("the next run", () => {
  it.each([
    ["five fields", "30 9 * * *", "UTC", "2026-01-01T00:00Z", "2026-01-01T09:30:00Z"],
    ["six, seconds first", "15 30 9 * * *", "UTC", "2026-01-01T00:00Z", "2026-01-01T09:30:15Z"],
    ["seven, years last", "0 0 12 1 1 * 2030", "UTC", "2026-01-01T00:00Z", "2030-01-01T12:00:00Z"],
    ["a name", "@daily", "UTC", "2026-01-01T00:00Z", "2026-01-02T00:00:00Z"],
    ["Sunday as 0", "0 0 * * 0", "UTC", "2026-11-20T00:00Z", "2026-11-22T00:00:00Z"],
    ["Sunday as 7", "0 0 * * 7", "UTC", "2026-11-20T00:00Z", "2026-11-22T00:00:00Z"],
    ["Monday as 1", "0 0 * * 1", "UTC", "2026-11-20T00:00Z", "2026-11-23T00:00:00Z"],
    ["a question mark", "0 0 12 ? * MON", "UTC", "2026-11-20T00:00Z", "2026-11-23T12:00:00Z"],
    ["a zone", "0 9 * * *", "Asia/Tokyo", "2026-01-01T01:00Z", "2026-01-02T00:00:00Z"],
    // 2026-03-29: 02:00 to 03:00 is skipped; 2026-10-25: 02:00 to 03:00 comes twice.
    ["a skipped hour", "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T01:00:00Z"],
    ["a doubled hour", "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", "2026-10-25T00:30:00Z"],
    ["once only", "30 2 * * *", "Europe/Berlin", "2026-10-25T00:30Z", "2026-10-26T01:30:00Z"],
    ["in both", "*/30 * * * *", "Europe/Berlin", "2026-10-25T00:30Z", "2026-10-25T01:00:00Z"],
    // Half an hour is skipped there.
    ["Lord Howe", "15 2 * * *", "Australia/Lord_Howe", "2026-10-02T20:00Z", "2026-10-03T15:30:00Z"],
  ])("of %s", (_, cron, zone, after, expected) => {
    expect(new Date(nextRunAt(cron, zone, at(after))!).toISOString()).toBe(
      expected.replace("Z", ".000Z"),
    );
  });

  it("is refused where there is none, with a reason", () => {
    const now = at("2026-01-01T00:00Z");
    expect(faultOfCron("0 0 30 2 *", "UTC", now)).toContain("no next run");
    expect(faultOfCron("0 0 1 1 1 * 2020", "UTC", now)).toContain("no next run");
    expect(faultOfCron("61 * * * *", "UTC", now)).toContain("not a cron expression");
    expect(faultOfCron("* * *", "UTC", now)).toContain("not a cron expression");
    expect(faultOfCron("@daily", "Mars/Olympus", now)).toContain("not an IANA time zone");
    expect(faultOfCron("@daily", "Europe/Berlin", now)).toBeUndefined();
  });
});

describe("what is due", () => {
  it("is nothing when it is early, and then the schedule is as it was", () => {
    const early = schedule();
    expect(due(early, early.nextRunAt! - 1)).toEqual({ runs: [], next: early });
  });

  it("is everything that was missed, oldest first, when it is late", () => {
    const { runs, next } = due(schedule(), at("2026-01-01T03:10Z"));
    expect(runs).toEqual([1, 2, 3].map((hour) => at(`2026-01-01T0${hour}:00Z`)));
    expect(next).toMatchObject({ lastRunAt: runs[2], nextRunAt: at("2026-01-01T04:00Z") });
    expect(due(next, at("2026-01-01T03:10Z")).runs).toEqual([]);
  });

  it("is bounded after a long absence, and the schedule says what it passed over", () => {
    const late = schedule({ cron: "* * * * * *" });
    const now = late.createdAt + 2 * CATCH_UP_MAX * 1000;
    const { runs, next } = due(late, now);
    expect(runs).toHaveLength(CATCH_UP_MAX);
    expect(next.skipped).toEqual({ from: runs.at(-1)! + 1000, to: now });
    expect(next.nextRunAt).toBe(now + 1000);
  });

  it("is nothing while paused, and begins anew with the first after it goes on", () => {
    const still = paused(schedule(), true, at("2026-01-01T00:40Z"));
    expect(due(still, at("2026-01-05T00:00Z")).runs).toEqual([]);
    expect(nextRuns(still, 10)).toEqual([]);
    const going = paused(still, false, at("2026-01-05T00:10Z"));
    expect(going.nextRunAt).toBe(at("2026-01-05T01:00Z"));
    expect(paused(going, false, 0)).toBe(going);
  });

  it("ends with the last run of a pattern that has one", () => {
    const last = schedule({ cron: "0 0 12 1 1 * 2026" });
    const { runs, next } = due(last, at("2026-01-02T00:00Z"));
    expect(runs).toEqual([at("2026-01-01T12:00Z")]);
    expect(next.nextRunAt).toBeNull();
  });
});

describe("an occurrence", () => {
  it("is a function of its instant: id, deadline and lineage", () => {
    const when = at("2026-01-01T01:00Z");
    expect(occurrence(schedule({ promiseTags: { team: "a" } }), when, "birth")).toMatchObject({
      id: `report/${when}`,
      timeoutAt: when + HOUR_MS,
      tags: {
        team: "a",
        "resonate:schedule": "report",
        "resonate:origin": `report/${when}`,
        "resonate:parent": `report/${when}`,
        "resonate:branch": `report/${when}`,
      },
    });
  });

  it("has no more in its id than the template says", () => {
    const odd = schedule({ id: "$&{{.timestamp}}", promiseId: "{{.id}}-{{.timestamp}}" });
    expect(idOfOccurrence(odd, 5)).toBe("$&5-5");
    expect(faultOfTemplate("{{.id}}")).toContain("{{.timestamp}}");
    expect(faultOfTemplate("{{.id}}{{.now}}{{.timestamp}}")).toContain("{{.now}}");
    expect(faultOfTemplate("a/{{.timestamp}}")).toBeUndefined();
  });
});
