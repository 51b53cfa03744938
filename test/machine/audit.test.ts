/** The audit log as functions: what is found, in which order, and pages that lose nothing. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AUDIT_ACTS } from "../../client/src/protocol.ts";
import {
  actMatches,
  AUDIT_SHARDS,
  auditShardOf,
  isNoted,
  mergeActs,
  newestFirst,
  type Act,
  type AuditPage,
  type AuditPlace,
} from "../../src/machine/audit.ts";

function act(at: number, id: string, more: Partial<Act> = {}): Act {
  const rest = { who: "ada", kind: "key", did: "key.create", from: "api", request: "r" } as const;
  return { at, id, ...rest, ...more };
}

describe("what is looked for", () => {
  const one = act(1, "a", { did: "key.revoke", on: "orders/7" });
  test.each([
    [{}, true],
    [{ who: "ada" }, true],
    [{ who: "ad" }, false],
    [{ did: "key.revoke" }, true],
    [{ did: "key.*" }, true],
    [{ did: "key" }, false],
    [{ did: "webhook.*" }, false],
    [{ on: "orders/7" }, true],
    [{ on: "orders/*" }, true],
    [{ on: "*" }, true],
    [{ on: "orders/" }, false],
    [{ who: "ada", did: "key.*", on: "orders/8" }, false],
  ])("%j: %s", (terms, found) => {
    expect(actMatches(one, terms)).toBe(found);
  });

  test("what is done to nothing in particular is not found by what it is done to", () => {
    expect(actMatches(act(1, "a"), { on: "*" })).toBe(false);
  });
});

describe("what is noted", () => {
  test("by hand everything, else what an administrator does", () => {
    for (const did of AUDIT_ACTS) {
      expect(isNoted(did, "cli")).toBe(true);
      expect(isNoted(did, "dashboard")).toBe(true);
    }
    const byAnybody = AUDIT_ACTS.filter((did) => !isNoted(did, "api"));
    expect(byAnybody).toEqual([
      "link.create",
      "link.revoke",
      "schedule.create",
      "schedule.change",
      "schedule.run",
      "schedule.delete",
      "promise.settle",
      "promise.extend",
    ]);
  });
});

/** A shard that looks at so many at most, as the object does. */
function look(shard: Act[], before: AuditPlace | undefined, limit: number, most: number) {
  const page: AuditPage = { acts: [] };
  let looked = 0;
  for (const one of shard.toSorted(newestFirst)) {
    if (before && newestFirst(one, before) <= 0) continue;
    looked += 1;
    if (one.who === "ada") page.acts.push(one);
    if (page.acts.length >= limit || looked >= most) {
      return { ...page, until: { at: one.at, id: one.id } };
    }
  }
  return page;
}

describe("pages", () => {
  const acts = fc.uniqueArray(
    fc.record({ at: fc.integer({ min: 0, max: 5 }), id: fc.stringMatching(/^[\da-f]{4,6}$/) }),
    { selector: ({ at, id }) => `${at} ${id}`, maxLength: 60 },
  );

  test("have every entry that matches once, in order, whatever the shards look at", () => {
    fc.assert(
      fc.property(
        acts,
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 9 }),
        (places, limit, most) => {
          const all = places.map(({ at, id }, index) =>
            act(at, id, index % 3 === 0 ? { who: "ben" } : {}),
          );
          const shards = Array.from({ length: AUDIT_SHARDS }, (_, shard) =>
            all.filter(({ id }) => auditShardOf(id) === shard),
          );
          const seen: Act[] = [];
          let before: AuditPlace | undefined;
          do {
            const pages = shards.map((shard) => look(shard, before, limit + 1, most));
            const { acts: found, until } = mergeActs(pages, limit);
            expect(found.length).toBeLessThanOrEqual(limit);
            seen.push(...found);
            if (until && before) expect(newestFirst(before, until)).toBeLessThan(0);
            before = until;
          } while (before);
          expect(seen).toEqual(all.filter(({ who }) => who === "ada").toSorted(newestFirst));
        },
      ),
    );
  });
});
