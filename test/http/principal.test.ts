/** Scopes and prefixes: who may do what to which ids, as a table; and searches that keep to them. */
import { describe, expect, it } from "vitest";
import type { Scope } from "../../client/src/protocol.ts";
import {
  isFull,
  may,
  prefixesOf,
  reachesAll,
  reachesGroup,
  type Principal,
} from "../../src/http/principal.ts";
import { redactedUrl } from "../../src/http/redacted-url.ts";
import { searchWithin } from "../../src/http/search-within.ts";
import { compareIds } from "../../src/machine/ids.ts";
import { createRandom } from "../model/seeded.ts";

function someone(prefixes: string[], ...scopes: Scope[]): Principal {
  return { name: "x", kind: "key", scopes: new Set(scopes), prefixes: prefixesOf(prefixes) };
}

describe("may", () => {
  it.each<[string[], string, boolean]>([
    [["*"], "anything", true],
    [["team-a/*"], "team-a/x", true],
    [["team-a/*"], "team-a/x/y", true],
    [["team-a/*"], "team-a/", true],
    [["team-a/*"], "team-a", false],
    [["team-a/*"], "team-ab/x", false],
    [["team-a/*"], "Team-a/x", false],
    [["team-a*"], "team-ab/x", true],
    [["a/b"], "a/b", true],
    [["a/b"], "a/b/c", false],
    [["a*b"], "a*b", true],
    [["a*b"], "axb", false],
    [["a/*", "b"], "b", true],
    [["é*"], "e\u0301x", false],
    [[], "", false],
  ])("%j reaches %j: %s", (prefixes, id, expected) => {
    expect(may(someone(prefixes, "read"), "read", id)).toBe(expected);
    expect(may(someone(prefixes, "admin"), "settle", id)).toBe(expected);
    expect(may(someone(prefixes, "create", "await", "settle"), "read", id)).toBe(false);
  });

  it("takes only an admin of everything for one who may do everything", () => {
    expect(isFull(someone(["*"], "admin"))).toBe(true);
    expect(isFull(someone(["a*"], "admin"))).toBe(false);
    expect(isFull(someone(["*"], "create", "read", "await", "settle"))).toBe(false);
  });
});

describe("reachesAll", () => {
  it.each<[string[], string, boolean]>([
    [["*"], "*", true],
    [["a/*"], "a/b/*", true],
    [["a/*"], "a/*", true],
    [["a/*"], "a/b", true],
    [["a/*"], "a*", false],
    [["a/*"], "*", false],
    [["a/b"], "a/b", true],
    [["a/b"], "a/b*", false],
    [["a", "b"], "*", false],
  ])("%j takes in all of %j: %s", (prefixes, pattern, expected) => {
    expect(reachesAll(someone(prefixes), pattern)).toBe(expected);
  });
});

describe("reachesGroup", () => {
  it.each<[string[], string, boolean]>([
    [["team-a/*"], "team-a", true],
    [["team-a/*"], "team-ab", false],
    [["team-a/*"], "team", false],
    [["team-a/x/*"], "team-a", false],
    [["team-a*"], "team-a-workers", true],
    [["workers"], "workers", true],
    [["*"], "default", true],
  ])("%j: the group %j: %s", (prefixes, group, expected) => {
    expect(reachesGroup(someone(prefixes), group)).toBe(expected);
  });
});

describe("searchWithin", () => {
  it.each(Array.from({ length: 30 }, (_, seed) => seed))(
    "pages through all that is reached, once, in order, and names nothing else (seed %i)",
    async (seed) => {
      const random = createRandom(seed);
      const parts = ["a", "b", "a/", "ab", "😀", "\uFFFD", "z"];
      const id = () => random.pick(parts) + random.pick(parts) + random.pick(["", "1", "2"]);
      const all = [...new Set(Array.from({ length: 40 }, id))].toSorted(compareIds);
      const pattern = () => random.pick([`${random.pick(parts)}*`, random.pick(all), `${id()}*`]);
      const prefixes = Array.from({ length: random.pick([1, 2, 5]) }, pattern);
      const principal = someone(prefixes, "read");
      const limit = random.pick([1, 2, 3, 100]);
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await searchWithin(principal.prefixes, { limit, cursor }, async (bounds) => {
          const { prefix = "", cursor: after = "" } = bounds;
          const rest = all.filter((one) => one.startsWith(prefix) && compareIds(one, after) > 0);
          const ids = rest.slice(0, bounds.limit);
          const last = ids.at(-1);
          return { ids, ...(rest.length > ids.length && last !== undefined && { cursor: last }) };
        });
        expect(page.ids.length).toBeLessThanOrEqual(limit);
        found.push(...page.ids);
        ({ cursor } = page);
        if (cursor !== undefined) expect(may(principal, "read", cursor)).toBe(true);
      } while (cursor !== undefined);
      expect(found).toEqual(all.filter((one) => may(principal, "read", one)));
    },
  );
});

describe("redactedUrl", () => {
  it.each([
    ["https://a.example/l/k1.abc.def", "https://a.example/l/<token>"],
    ["https://a.example/c/k1.abc.def?x=1", "https://a.example/c/<token>?<query>"],
    ["https://a.example/promises/a?wait=1&key=dp_x", "https://a.example/promises/a?<query>"],
    ["https://u:p@a.example/promises/a#dp_x", "https://a.example/promises/a"],
    ["https://a.example/links/x", "https://a.example/links/x"],
    ["nonsense", "<no URL>"],
  ])("%s is logged as %s", (url, expected) => {
    expect(redactedUrl(url)).toBe(expected);
  });
});
