/** `GET /ready`, with parts that fail, hang, or make no sense. */
import { describe, expect, it } from "vitest";
import type { Env } from "../../src/env.ts";
import { deployment } from "../object/runtime.ts";
import { guarded, NOBODY, send } from "./guarded.ts";

async function ready(more: object): Promise<[number, string]> {
  const env = guarded(more);
  const { status, text } = await send(NOBODY, { method: "GET", path: "/ready" }, env);
  return [status, (JSON.parse(text) as { detail?: string }).detail ?? ""];
}

/** Objects of which every call is answered like that. */
function objects(answer: () => Promise<unknown>): object {
  const stub = { get: answer, schedules: answer, find: answer };
  return { getByName: () => stub };
}

const failing = objects(() => Promise.reject(new Error("secret reason")));
const hanging = objects(() => new Promise(() => {}));

describe("a part that does not answer", () => {
  it.each([
    ["promises", { PROMISES: failing }],
    ["index", { INDEX: failing }],
    ["keys", { KEYS: failing }],
    ["index", { INDEX: hanging }],
    ["promises, index, keys", { PROMISES: failing, INDEX: hanging, KEYS: failing }],
    ["settings", { AWAITERS_MAX: "secret" }],
    ["settings", { API_KEYS: "", JWT_KEYS: "" }],
  ])("is named: %s", { timeout: 20_000 }, async (parts, env) => {
    expect(await ready(env)).toEqual([503, `Not ready: ${parts}`]);
  });

  it("is none where all do", async () => {
    expect((await ready({}))[0]).toBe(200);
  });

  it("is asked once in a second, however often somebody wants to know", async () => {
    let asked = 0;
    const { PROMISES } = deployment();
    const getByName = (name: string) => {
      asked += 1;
      return PROMISES.getByName(name);
    };
    // SAFETY: as above; nothing else of it is used.
    const env = guarded({ PROMISES: { getByName } as unknown as Env["PROMISES"] });
    const began = Date.now();
    let answers = 0;
    for (; Date.now() - began < 500; answers += 1) {
      expect((await send(NOBODY, { method: "GET", path: "/ready" }, env)).status).toBe(200);
    }
    expect(answers).toBeGreaterThan(2);
    expect(asked).toBe(1);
  });
});
