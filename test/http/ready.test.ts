/** `GET /ready`, with parts that fail, hang, or make no sense. */
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { deployment } from "../object/runtime.ts";
import { eventually } from "../eventually.ts";
import { guarded, NOBODY, send } from "./guarded.ts";

afterEach(() => {
  vi.useRealTimers();
});

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
  ])("is named: %s", async (parts, env) => {
    await eventually(async () => expect(await ready(env)).toEqual([503, `Not ready: ${parts}`]));
  });

  it("is none where all do", async () => {
    await eventually(async () => expect((await ready({}))[0]).toBe(200));
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
    const ask = async () => (await send(NOBODY, { method: "GET", path: "/ready" }, env)).status;
    // Parts that wake up for the first time may be late.
    await eventually(async () => expect(await ask()).toBe(200));
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 1000 });
    asked = 0;
    for (let n = 0; n < 10; n += 1) expect(await ask()).toBe(200);
    expect(asked).toBe(1);
    vi.setSystemTime(Date.now() + 999);
    await ask();
    expect(asked).toBe(1);
    vi.setSystemTime(Date.now() + 1);
    await ask();
    expect(asked).toBe(2);
  });
});
