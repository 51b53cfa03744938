/** Addresses of workers: which texts are one, and whom they mean. */
import { describe, expect, it } from "vitest";
import { faultOfGroup, faultOfPid, parseAddress } from "../../src/machine/address.ts";

const poll = (cast: "any" | "uni", group: string, pid?: string) => ({
  kind: "poll",
  cast,
  group,
  ...(pid !== undefined && { pid }),
});

describe("an address", () => {
  it.each([
    ["poll://any@workers", poll("any", "workers")],
    ["poll://any@workers/p1", poll("any", "workers", "p1")],
    ["poll://uni@workers/p1", poll("uni", "workers", "p1")],
    ["poll://uni@workers/a/b", poll("uni", "workers", "a/b")],
    ["poll://uni@workers//", poll("uni", "workers", "/")],
    ["poll://uni@workers/two\nlines", poll("uni", "workers", "two\nlines")],
    // Raw text: nothing is decoded.
    ["poll://uni@a%2Fb/%20", poll("uni", "a%2Fb", "%20")],
    ["poll://any@a@b", poll("any", "a@b")],
    ["poll://any@día 🙂/ü", poll("any", "día 🙂", "ü")],
    [`poll://any@${"g".repeat(512)}`, poll("any", "g".repeat(512))],
    [
      "https://worker.example.com/run?x=1",
      { kind: "push", url: "https://worker.example.com/run?x=1" },
    ],
    ["http://127.0.0.1:9000", { kind: "push", url: "http://127.0.0.1:9000" }],
  ])("is %j", (text, address) => {
    expect(parseAddress(text)).toEqual(address);
  });

  it.each([
    "",
    "workers",
    "poll://workers",
    "poll://any@",
    "poll://any@/p1",
    "poll://any@workers/",
    "poll://uni@workers",
    "poll://uni@workers/",
    "poll://all@workers",
    "POLL://any@workers",
    " poll://any@workers",
    "https://",
    "ftp://host/",
    "gcps://topic",
    "poll://any@\ud800",
    `poll://any@${"g".repeat(513)}`,
    `poll://any@${"ü".repeat(257)}`,
    `poll://uni@workers/${"€".repeat(171)}`,
  ])("is not %j", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it("counts the bytes of names as they are stored", () => {
    expect(faultOfGroup("🙂".repeat(128))).toBeUndefined();
    expect(faultOfGroup("🙂".repeat(129))).toBe("must have 512 bytes at most");
    expect(faultOfPid("a/b")).toBeUndefined();
    expect(faultOfGroup("a/b")).toBe("must not have a slash in it");
  });
});
