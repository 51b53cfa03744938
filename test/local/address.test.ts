/** Which hosts only this machine can reach: the answer decides whether keys are needed. */
import { describe, expect, it } from "vitest";
import { authority, isLoopback, originOf, resolveHost } from "../../src/local/address.ts";

describe("isLoopback", () => {
  it.each([
    ["127.0.0.1", true],
    ["127.255.255.254", true],
    ["::1", true],
    ["128.0.0.1", false],
    ["0.0.0.0", false],
    ["::", false],
    ["192.168.1.5", false],
    ["fe80::1", false],
    ["::2", false],
  ])("says of %s: %s", (ip, expected) => {
    expect(isLoopback(ip)).toBe(expected);
  });

  it("holds for what localhost means", async () => {
    expect(isLoopback(await resolveHost("localhost"))).toBe(true);
  });
});

describe("an address", () => {
  it("of version 6 stands in brackets", () => {
    expect(authority("::1", 80)).toBe("[::1]:80");
    expect(authority("127.0.0.1", 80)).toBe("127.0.0.1:80");
  });

  it("that means every interface has a URL that can be opened", () => {
    expect(originOf("0.0.0.0", 80)).toBe("http://127.0.0.1:80");
    expect(originOf("::", 80)).toBe("http://[::1]:80");
  });

  it("may be given in brackets", async () => {
    expect(await resolveHost("[::1]")).toBe("::1");
  });

  it("that nobody has is refused by its name", async () => {
    await expect(resolveHost("nobody.invalid")).rejects.toThrow(/^--host nobody\.invalid: /);
  });
});
