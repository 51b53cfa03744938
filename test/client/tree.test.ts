/** A family of promises as a tree: pure, so its cases are written down and drawn at random. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type TreeMember,
  type TreeNode,
  treeOf,
  treeRows,
  treeSpan,
} from "../../client/src/tree.ts";

let born = 0;

function member(id: string, tags: Record<string, string> = {}, completedOn?: number): TreeMember {
  born += 1;
  return { id, tags, createdOn: born, ...(completedOn !== undefined && { completedOn }) };
}

const parent = (id: string) => ({ "resonate:parent": id });
const origin = (id: string) => ({ "resonate:origin": id });

/** Ids alone, so that a shape can be written down: `["a", ["a/b"]]`. */
type Shape = [id: string, ...children: Shape[]];
function shapeOf({ id, children }: TreeNode<TreeMember>): Shape {
  return [id, ...children.map(shapeOf)];
}

describe("a tree", () => {
  test.each<[string, TreeMember[], Shape]>([
    ["of one", [member("a")], ["a"]],
    [
      "by slashes, with a gap",
      [member("a"), member("a/b"), member("a/b/c"), member("a/x/y/z")],
      ["a", ["a/b", ["a/b/c"]], ["a/x/y/z"]],
    ],
    [
      "by dots and colons, as SDKs number them",
      [member("a"), member("a.1"), member("a.1.1"), member("a:2"), member("a:2.1")],
      ["a", ["a.1", ["a.1.1"]], ["a:2", ["a:2.1"]]],
    ],
    [
      "by the tag of the parent, before the id",
      [member("a"), member("elsewhere", parent("a")), member("a/b", parent("elsewhere"))],
      ["a", ["elsewhere", ["a/b"]]],
    ],
    [
      "by the tag of the origin, where nothing says more",
      [member("a"), member("x", origin("a")), member("y", { ...origin("a"), ...parent("gone") })],
      ["a", ["x"], ["y"]],
    ],
    [
      "without those of others, and what hangs on them",
      [member("a"), member("ab"), member("b"), member("b/c"), member("z", origin("b"))],
      ["a"],
    ],
    ["of a root that is its own parent", [member("a", { ...parent("a"), ...origin("a") })], ["a"]],
    ["of a root that nobody has created", [member("a/b"), member("a/c")], ["a", ["a/b"], ["a/c"]]],
    [
      "of promises that name each other, by the first of them",
      [member("a"), member("a/x", parent("a/y")), member("a/y", parent("a/x")), member("a/x/1")],
      ["a", ["a/x", ["a/y"], ["a/x/1"]]],
    ],
    [
      "of a ring somewhere else, not at all",
      [member("a"), member("x", parent("y")), member("y", parent("x")), member("z", parent("x"))],
      ["a"],
    ],
    [
      "of a root whose parent is among its children",
      [member("a", parent("a/b")), member("a/b")],
      ["a", ["a/b"]],
    ],
  ])("%s", (_, members, shape) => {
    const [rootId] = shape;
    expect(shapeOf(treeOf(rootId, members))).toEqual(shape);
    expect(shapeOf(treeOf(rootId, members.toReversed()))).toEqual(shape);
  });

  test("has its children by birth, and those of one instant as people count", () => {
    const twins = ["a.10", "a.9", "a.1"].map((id) =>
      Object.assign(member(id), { createdOn: 5_000_000 }),
    );
    const late = { ...member("a.0"), createdOn: 6_000_000 };
    const { children } = treeOf("a", [late, ...twins, member("a")]);
    expect(children.map(({ id }) => id)).toEqual(["a.1", "a.9", "a.10", "a.0"]);
  });

  test("begins and ends as its promises do; an absent root as its children", () => {
    const done = { ...member("a/b"), createdOn: 10, completedOn: 30 };
    const later = { ...member("a/c"), createdOn: 20, completedOn: 25 };
    const waiting = { ...member("a/d"), createdOn: 22 };
    const over = treeOf("a", [done, later]);
    expect(over).toMatchObject({ startAt: 10, endAt: 30 });
    expect("promise" in over).toBe(false);
    const open = treeOf("a", [done, later, waiting]);
    expect(open.startAt).toBe(10);
    expect("endAt" in open).toBe(false);
    expect(open.children[2]).toMatchObject({ promise: waiting, startAt: 22 });
    expect(treeSpan(open, 99)).toEqual({ startAt: 10, endAt: 99 });
    expect(treeSpan(over, 99)).toEqual({ startAt: 10, endAt: 30 });
  });

  test("is drawn line by line, each before its children", () => {
    const rows = treeRows(
      treeOf(
        "a",
        ["a", "a/b", "a/b/c", "a/d"].map((id) => member(id)),
      ),
    );
    expect(rows.map(({ node, depth, isLast }) => [node.id, depth, isLast])).toEqual([
      ["a", 0, true],
      ["a/b", 1, false],
      ["a/b/c", 2, true],
      ["a/d", 1, true],
    ]);
  });

  test("as deep as a chain can be is built and drawn", () => {
    const ids = Array.from({ length: 50_000 }, (_, depth) => `n${depth}`);
    const chain = ids.map((id, depth) => member(id, depth > 0 ? parent(`n${depth - 1}`) : {}));
    const rows = treeRows(treeOf("n0", chain));
    expect(rows).toHaveLength(ids.length);
    expect(rows.at(-1)).toMatchObject({ depth: ids.length - 1, isLast: true });
  });

  test("of any promises has each of the family once, and nobody twice", () => {
    const id = fc.constantFrom("a", "a/b", "a/b/c", "a.1", "a.1.2", "a:1", "x", "y", "x/1");
    const arbitrary = fc.uniqueArray(
      fc.record({
        id,
        createdOn: fc.nat(3),
        tags: fc.record({ "resonate:parent": id, "resonate:origin": id }, { requiredKeys: [] }),
      }),
      { selector: (one) => one.id },
    );
    fc.assert(
      fc.property(arbitrary, (members) => {
        const ids = treeRows(treeOf("a", members)).map(({ node }) => node.id);
        expect(new Set(ids).size).toBe(ids.length);
        // Whoever is of the family by name or origin is never lost, whatever the tags say.
        const family = members.filter(
          ({ id: own, tags }) => /^a[./:]/.test(own) || tags["resonate:origin"] === "a",
        );
        for (const { id: own } of family) expect(ids).toContain(own);
      }),
    );
  });
});
