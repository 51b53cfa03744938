/**
 * An audit log that is slow, or fails: the act is done all the same, and its entry is not lost quietly.
 * A log that does what is told stands in for the objects.
 */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { app } from "../../src/http/app.ts";
import type { Act } from "../../src/machine/audit.ts";
import { ADMIN, guarded, ORIGIN } from "./guarded.ts";
import { eventually } from "../eventually.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

interface Log {
  told: string[];
  env: Env;
}

function logThat(begin: (tries: number) => Promise<void>): Log {
  const told: string[] = [];
  let tries = 0;
  const stub = {
    begin: (act: Act) => {
      told.push(`begin ${act.did}`);
      return begin((tries += 1));
    },
    end: async (act: Act) => {
      told.push(`end ${act.did} ${act.status}`);
    },
  };
  // SAFETY: nothing else of it is used.
  const AUDIT = { getByName: () => stub } as unknown as Env["AUDIT"];
  return { told, env: guarded({ AUDIT }) };
}

/** @returns the status, and how long it took */
async function makeKey(env: Env, ctx = createExecutionContext()): Promise<[number, number]> {
  const began = Date.now();
  const body = JSON.stringify({ name: "n", scopes: ["read"], prefixes: ["audit/*"] });
  const headers = { ...ADMIN.headers, "content-type": "application/json" };
  const request = new Request(`${ORIGIN}/keys`, { method: "POST", headers, body });
  const { status } = await app.fetch(request, env, ctx);
  return [status, Date.now() - began];
}

describe("an act", () => {
  it("waits for its entry, and is done then", async () => {
    const ctx = createExecutionContext();
    const written = Promise.withResolvers<void>();
    const { told, env } = logThat(() => written.promise);
    const made = makeKey(env, ctx);
    await eventually(() => expect(told).toEqual(["begin key.create"]));
    written.resolve();
    expect((await made)[0]).toBe(201);
    await waitOnExecutionContext(ctx);
    expect(told).toEqual(["begin key.create", "end key.create 201"]);
  });

  it("does not wait for ever", { timeout: 20_000 }, async () => {
    const { env } = logThat(() => new Promise(() => {}));
    const [status, ms] = await makeKey(env);
    expect(status).toBe(201);
    expect(ms).toBeGreaterThanOrEqual(1900);
  });

  it("is written again until it is", { timeout: 20_000 }, async () => {
    const ctx = createExecutionContext();
    const { told, env } = logThat(async (tries) => {
      if (tries < 3) throw new Error("busy");
    });
    expect((await makeKey(env, ctx))[0]).toBe(201);
    await waitOnExecutionContext(ctx);
    expect(told).toEqual([
      "begin key.create",
      "begin key.create",
      "begin key.create",
      "end key.create 201",
    ]);
  });

  it(
    "goes to the server's log, in full, when it cannot be written",
    { timeout: 60_000 },
    async () => {
      const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
      const ctx = createExecutionContext();
      const { told, env } = logThat(() => Promise.reject(new Error("gone")));
      expect((await makeKey(env, ctx))[0]).toBe(201);
      await waitOnExecutionContext(ctx);
      expect(told).toEqual(Array.from({ length: 8 }, () => "begin key.create"));
      const entries = logged.mock.calls.map(([entry]) => entry as Record<string, unknown>);
      expect(entries).toMatchObject([
        { message: "an audit entry was not written", error: expect.stringContaining("gone") },
        { message: "audit", who: "secret-1", did: "key.create", on: expect.any(String) },
      ]);
    },
  );
});
