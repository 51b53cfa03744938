/** Schedules and keys through the client, against a real server: each call, and each way to be refused. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DurablePromises, isApiError } from "../../client/src/index.ts";
import { newId, startWorld, type World } from "./world.ts";

const ADMIN = "schedules-admin-0123456789";

let world: World;
let promises: DurablePromises;
beforeAll(async () => {
  world = await startWorld({ API_KEYS: ADMIN });
  promises = world.direct;
});
afterAll(() => world[Symbol.asyncDispose]());

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("a schedule", () => {
  // Seldom, lest it runs while a test compares the next runs.
  const options = { cron: "0 6 1 1 *", promiseTimeout: "1h" } as const;

  test("is made, and making it again returns it; with another key it is there already", async () => {
    const id = `${newId()}/ü ?`;
    const made = await promises.schedules.create(id, {
      ...options,
      timezone: "Europe/Berlin",
      promiseId: "{{.id}}/at/{{.timestamp}}",
      promiseParam: { data: { n: 1 }, headers: { h: "1" } },
      promiseTags: { a: "b" },
      description: "every year",
    });
    expect(made).toMatchObject({
      id,
      cron: options.cron,
      timezone: "Europe/Berlin",
      promiseTimeout: 3_600_000,
      promiseParam: { data: { n: 1 }, headers: { h: "1" } },
      promiseTags: { a: "b" },
      description: "every year",
      paused: false,
    });
    expect(made.nextRuns).toHaveLength(10);
    expect(made.nextRuns[0]).toBe(made.nextRunTime);
    expect(await promises.schedules.create(id, options)).toEqual(made);
    expect(await promises.schedules.get(id)).toEqual(made);
    const other = promises.schedules.create(id, { ...options, idempotencyKey: "other" });
    expect(await errorOf(other)).toMatchObject({ code: "schedule_exists", status: 409 });
  });

  test("is paused and resumed, run besides, and ended; what it made stays", async () => {
    const id = newId();
    await promises.schedules.create(id, options);
    expect(await promises.schedules.pause(id)).toMatchObject({ paused: true, nextRunTime: null });
    const { promiseId, url } = await promises.schedules.run(id);
    expect(promiseId.startsWith(`${id}/`)).toBe(true);
    expect(url).toBe(`${world.url}/promises/${promiseId}`);
    expect(await promises.schedules.resume(id)).toMatchObject({ paused: false });
    await promises.schedules.delete(id);
    expect(await promises.get(promiseId)).toMatchObject({ state: "PENDING" });
    for (const call of ["get", "pause", "run", "delete"] as const) {
      const error = await errorOf(promises.schedules[call](id));
      expect(error).toMatchObject({ code: "schedule_not_found", status: 404 });
    }
  });

  test("that never fires is refused, and names the field", async () => {
    const error = await errorOf(promises.schedules.create(newId(), { ...options, cron: "x" }));
    expect(isApiError(error) && error).toMatchObject({ code: "invalid_request", field: "cron" });
    const bad = promises.schedules.create(newId(), { ...options, promiseTimeout: "soon" });
    expect(await errorOf(bad)).toBeInstanceOf(RangeError);
  });

  test("is listed with all others, over pages", async () => {
    const base = newId();
    const ids = Array.from({ length: 101 }, (_, n) => `${base}/${String(n).padStart(3, "0")}`);
    for (let n = 0; n < ids.length; n += 20) {
      await Promise.all(
        ids.slice(n, n + 20).map((id) => promises.schedules.create(id, { ...options })),
      );
    }
    const listed: string[] = [];
    for await (const { id } of promises.schedules.list()) listed.push(id);
    expect(listed.filter((id) => id.startsWith(base))).toEqual(ids);
  });
});

describe("a key", () => {
  test("may do what it was made for, until it is revoked", async () => {
    const id = newId();
    const made = await promises.keys.create("ci", {
      scopes: ["create"],
      prefixes: [`${id}*`],
      expiresIn: "1h",
    });
    const { key, ...rest } = made;
    expect(rest).toMatchObject({ name: "ci", scopes: ["create"], prefixes: [`${id}*`] });
    expect(rest.expiresAt).toBe(rest.createdAt + 3_600_000);
    expect(await promises.keys.list()).toEqual([rest]);
    const limited = new DurablePromises({ url: world.url, token: key });
    await limited.create(id);
    expect(await errorOf(limited.get(id))).toMatchObject({ code: "forbidden" });
    expect(await errorOf(limited.create("elsewhere"))).toMatchObject({ code: "forbidden" });
    expect(await errorOf(limited.keys.list())).toMatchObject({ code: "forbidden" });
    await promises.keys.revoke(rest.id);
    expect(await errorOf(promises.keys.revoke(rest.id))).toMatchObject({ code: "key_not_found" });
    expect(await promises.keys.list()).toEqual([]);
  });
});
