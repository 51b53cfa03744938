/** Running a function once per id: across calls, processes, crashes and lines that break. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  DurablePromises,
  isLeaseLostError,
  isRejectedError,
  isTimeoutError,
  type Run,
} from "../../client/src/index.ts";
import { clientOn, newId, startWorld, TRANSPORTS, type World } from "./world.ts";
import { withTime } from "../eventually.ts";
import { MEMORY } from "../memory.ts";

/** A lease that tests can outwait. */
const LEASE = 400;
/** Backoff that tests need not notice. */
const FAST = { firstDelay: 5, longestDelay: 10 };

let world: World;
let folder: string;
const children = new Set<ChildProcess>();
beforeAll(async () => {
  world = await startWorld();
  folder = await mkdtemp(join(MEMORY, "durable-promises-run-"));
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  world.proxy.cut();
  await world.proxy.until(({ open }) => open === 0);
  world.proxy.mend();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const direct = () => clientOn("socket", world.url);
const proxied = () => clientOn("socket", world.proxy.url);

/** A promise and its ends, for tests to steer work by. */
function gate<T = void>() {
  let open!: (value: T) => void;
  const opened = new Promise<T>((resolve) => (open = resolve));
  return { open, opened };
}

/** Work that lasts until its signal aborts; tells when it began and with what it was stopped. */
function endless() {
  const begun = gate<Run>();
  const stopped = gate<unknown>();
  const fn = (run: Run) =>
    new Promise<never>((_, reject) => {
      run.signal.addEventListener("abort", () => {
        stopped.open(run.signal.reason);
        reject(run.signal.reason);
      });
      begun.open(run);
    });
  return { fn, begun: begun.opened, stopped: stopped.opened };
}

/** A process of run-child.ts. */
function startChild(id: string, file: string, leaseMs: number, ...role: string[]) {
  const script = fileURLToPath(new URL("run-child.ts", import.meta.url));
  const args = [script, world.url, id, file, String(leaseMs), ...role];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  const lines: string[] = [];
  const checks = new Set<() => void>();
  const reader = createInterface({ input: child.stdout });
  reader.on("line", (line) => {
    lines.push(line);
    for (const check of checks) check();
  });
  const closed = once(child, "close").then(() => children.delete(child));
  return {
    child,
    closed,
    lines,
    said: (text: string) =>
      new Promise<string>((resolve) => {
        const check = () => {
          const line = lines.find((candidate) => candidate.startsWith(text));
          if (line !== undefined) resolve(line);
        };
        checks.add(check);
        check();
      }),
  };
}

async function linesOf(file: string): Promise<string[]> {
  return (await readFile(file, "utf8")).trimEnd().split("\n");
}

async function protocol(kind: string, data: object): Promise<void> {
  const head = { corrId: "t", version: "2026-04-01" };
  const response = await fetch(`${world.url}/rpc`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ kind, head, data }),
  });
  expect(response.status).toBe(200);
}

describe("a function that is run", () => {
  test.each(TRANSPORTS)("is run once by five calls at once, who wait by %s", async (transport) => {
    const id = newId();
    let runs = 0;
    const calls = Array.from({ length: 5 }, (_, index) =>
      clientOn(transport, world.url).run(id, async ({ id: own, attempt }) => {
        runs += 1;
        return { own, attempt, index };
      }),
    );
    const outcomes = await Promise.all(calls);
    expect(runs).toBe(1);
    expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size).toBe(1);
    expect(outcomes[0]).toMatchObject({ own: id, attempt: 1 });
  });

  test("is not run again: its outcome is returned, and seen as a promise", async () => {
    const id = newId();
    const first = await direct().run(id, () => new Date(0), { tags: { kind: "date" } });
    expect(first).toBe("1970-01-01T00:00:00.000Z");
    expect(await direct().run(id, () => "again")).toBe(first);
    expect(await direct().wait(id)).toBe(first);
    expect(await direct().get(id)).toMatchObject({ tags: { kind: "date" } });
  });

  test("may return nothing", async () => {
    const id = newId();
    expect(await direct().run(id, () => {})).toBeUndefined();
    expect(await direct().run(id, () => "again")).toBeUndefined();
  });

  test("that fails for good is recorded as rejected, and thrown to all", async () => {
    const id = newId();
    let runs = 0;
    const fail = () => {
      runs += 1;
      throw new RangeError(`no ${runs}`);
    };
    const calls = Array.from({ length: 3 }, () => direct().run(id, fail, { retry: FAST }));
    const results = await Promise.allSettled(calls);
    for (const result of results) {
      expect(result).toMatchObject({
        reason: { name: "RejectedError", message: "no 3", state: "REJECTED" },
      });
    }
    expect(runs).toBe(3);
    const later = direct().run(id, fail);
    await expect(later).rejects.toMatchObject({ reason: { name: "RangeError", message: "no 3" } });
    expect(runs).toBe(3);
  });

  test("is tried again until it succeeds", async () => {
    const attempts: number[] = [];
    const outcome = await direct().run(
      newId(),
      ({ attempt }) => {
        attempts.push(attempt);
        if (attempt < 4) throw new Error("not yet");
        return "now";
      },
      { retry: { ...FAST, retries: 5 } },
    );
    expect(outcome).toBe("now");
    expect(attempts).toEqual([1, 2, 3, 4]);
  });

  test("is not tried again after an error that is final", async () => {
    let runs = 0;
    const call = direct().run(
      newId(),
      () => {
        runs += 1;
        throw new Error("declined");
      },
      { retry: { ...FAST, shouldRetry: () => false } },
    );
    await expect(call).rejects.toThrow("declined");
    expect(runs).toBe(1);
  });

  test("whose outcome is no JSON is rejected, and not run for ever", async () => {
    const id = newId();
    await expect(direct().run(id, () => 1n)).rejects.toMatchObject({
      name: "RejectedError",
      reason: { name: "TypeError" },
    });
    const tooLarge = direct().run(newId(), () => "x".repeat(2 ** 21));
    await expect(tooLarge).rejects.toMatchObject({ name: "RejectedError" });
  });

  // Who stands still for a whole lease loses it, and rightly.
  test("takes as long as it takes: heartbeats keep the lease", () =>
    withTime(500, async (lease) => {
      const id = newId();
      const begun = gate();
      const goOn = gate();
      const signals: AbortSignal[] = [];
      const holder = direct().run(
        id,
        async ({ signal }) => {
          signals.push(signal);
          begun.open();
          await goOn.opened;
          return "patient";
        },
        { lease },
      );
      await begun.opened;
      // Somebody who waits asks for the task again and again, until it has been held for long.
      const enoughAt = performance.now() + 2.5 * lease;
      const asking: typeof fetch = (input, init) => {
        if (performance.now() > enoughAt) goOn.open();
        return fetch(input, init);
      };
      const waiter = clientOn("socket", world.url, { fetch: asking });
      expect(await waiter.run(id, () => "impatient", { lease: 150 })).toBe("patient");
      expect(await holder).toBe("patient");
      expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    }));

  test("is not run after its deadline, which everybody is told of", () =>
    withTime(1000, async (ms) => {
      const id = newId();
      const { fn, begun, stopped } = endless();
      const holder = direct().run(id, fn, { deadline: `${ms}ms`, lease: "5m" });
      await Promise.race([begun, holder]);
      const waiter = direct().run(id, () => "late", { deadline: "1h" });
      const all = Promise.allSettled([holder, waiter]);
      expect(isLeaseLostError(await stopped)).toBe(true);
      const timedOut = { reason: { name: "RejectedError", state: "REJECTED_TIMEDOUT" } };
      expect(await all).toMatchObject([timedOut, timedOut]);
      await expect(direct().run(id, () => "later")).rejects.toSatisfy(isRejectedError);
    }));

  test("that somebody cancels is stopped, and everybody is told", async () => {
    const id = newId();
    const { fn, begun, stopped } = endless();
    const call = direct().run(id, fn, { lease: LEASE });
    await begun;
    await direct().cancel(id, "changed my mind");
    expect(isLeaseLostError(await stopped)).toBe(true);
    await expect(call).rejects.toMatchObject({ state: "REJECTED_CANCELED" });
  });

  test("does not take over a promise that was made to be settled by hand", async () => {
    const id = newId();
    await direct().create(id);
    await expect(direct().run(id, () => 1)).rejects.toMatchObject({ name: "ExistsError" });
    await direct().resolve(id, "by hand");
    expect(await direct().run(id, () => "by run")).toBe("by hand");
  });

  test("needs options that make sense", async () => {
    const run = (options: object) => direct().run(newId(), () => 1, options);
    await expect(run({ lease: 99 })).rejects.toThrow("lease");
    await expect(run({ lease: Infinity })).rejects.toThrow("lease");
    await expect(run({ deadline: 5000 })).rejects.toThrow("deadline");
    await expect(run({ retry: { retries: -1 } })).rejects.toThrow("retry.retries");
    // @ts-expect-error: not a function.
    await expect(direct().run(newId(), "fn")).rejects.toThrow("fn must be a function");
    await expect(direct().run("", () => 1)).rejects.toThrow("id must be");
  });
});

describe("a call that is given up", () => {
  test("gives the work back at once", async () => {
    const id = newId();
    const { fn, begun, stopped } = endless();
    const controller = new AbortController();
    const call = direct().run(id, fn, { signal: controller.signal });
    call.catch(() => {});
    await begun;
    const reason = new Error("shutting down");
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect(await stopped).toBe(reason);
    // The lease has 30 s to go, and whoever has to wait for it is told nothing in between.
    const next = direct().run(id, () => "taken up", { timeout: "20s", lease: "1s" });
    expect(await next).toBe("taken up");
  });

  test("by its time limit, too", () =>
    withTime(500, async (timeoutMs) => {
      const id = newId();
      const { fn, begun, stopped } = endless();
      const call = direct().run(id, fn, { timeout: timeoutMs });
      await Promise.race([begun, call]);
      await expect(call).rejects.toMatchObject({ name: "TimeoutError", timeoutMs });
      expect(isTimeoutError(await stopped)).toBe(true);
      const next = direct().run(id, () => "taken up", { timeout: "20s", lease: "1s" });
      expect(await next).toBe("taken up");
    }));

  test("while it waits leaves the work with its holder", async () => {
    const id = newId();
    const { fn, begun } = endless();
    const holder = new AbortController();
    const held = direct().run(id, fn, { signal: holder.signal });
    held.catch(() => {});
    const { signal } = await begun;
    await expect(direct().run(id, () => 1, { timeout: 200 })).rejects.toSatisfy(isTimeoutError);
    expect(signal.aborted).toBe(false);
    holder.abort();
    await expect(held).rejects.toMatchObject({ name: "AbortError" });
  });

  test("before it began lets nothing out", async () => {
    const before = world.proxy.total;
    const call = proxied().run(newId(), () => 1, { signal: AbortSignal.abort("why") });
    await expect(call).rejects.toBe("why");
    expect(world.proxy.total).toBe(before);
  });
});

describe("a step", () => {
  test("that succeeded is not run again when the whole is", async () => {
    const id = newId();
    const ran: string[] = [];
    const outcome = await direct().run(
      id,
      async ({ step, attempt }) => {
        const a = await step.run("a", () => {
          ran.push("a");
          return { attempt };
        });
        const b = await step.run("b/c", () => {
          ran.push("b");
          if (attempt < 3) throw new Error("flaky");
          return attempt;
        });
        return [a, b];
      },
      { retry: FAST },
    );
    expect(outcome).toEqual([{ attempt: 1 }, 3]);
    expect(ran).toEqual(["a", "b", "b", "b"]);
    expect(await direct().wait(`${id}/a`)).toEqual({ attempt: 1 });
  });

  test("that somebody else has recorded first has that value", async () => {
    const id = newId();
    const outcome = await direct().run(id, ({ step }) =>
      step.run<string>("a", async () => {
        await direct().create(`${id}/a`);
        await direct().resolve(`${id}/a`, "theirs");
        return "ours";
      }),
    );
    expect(outcome).toBe("theirs");
  });

  test("whose promise was rejected throws that, and is final", async () => {
    const id = newId();
    await direct().create(`${id}/a`);
    await direct().reject(`${id}/a`, "no");
    let runs = 0;
    const call = direct().run(id, ({ step }) => {
      runs += 1;
      return step.run("a", () => 1);
    });
    await expect(call).rejects.toMatchObject({ name: "RejectedError", message: "no" });
    expect(runs).toBe(1);
  });

  test.each([
    ["", "not empty"],
    ["..", "between slashes"],
    ["twice", "was run before"],
  ])("cannot be named %j", async (name, complaint) => {
    const call = direct().run(
      newId(),
      async ({ step }) => {
        await step.run("twice", () => 1);
        await step.run(name, () => 2);
      },
      { retry: false },
    );
    await expect(call).rejects.toThrow(complaint);
  });

  test("may return nothing, and is remembered", async () => {
    let runs = 0;
    await direct().run(
      newId(),
      async ({ step, attempt }) => {
        await step.run("a", () => {
          runs += 1;
        });
        if (attempt === 1) throw new Error("again");
      },
      { retry: FAST },
    );
    expect(runs).toBe(1);
  });
});

describe("across processes", () => {
  test("three at once do the work once, and end with one outcome", async () => {
    const id = newId();
    const file = join(folder, "three");
    const all = [1, 2, 3].map(() => startChild(id, file, 20_000));
    const outcomes = new Set(await Promise.all(all.map(({ said }) => said("outcome"))));
    await Promise.all(all.map(({ closed }) => closed));
    expect(outcomes.size).toBe(1);
    expect(all.filter(({ lines }) => lines.includes("begun"))).toHaveLength(1);
    expect(await linesOf(file)).toEqual(["first", "second"]);
  });

  test("one that is killed between two steps is taken over, behind the first", async () => {
    const id = newId();
    const file = join(folder, "killed");
    const killed = startChild(id, file, 2000, "hang");
    await killed.said("first done");
    const heir = startChild(id, file, 2000);
    killed.child.kill("SIGKILL");
    await killed.closed;
    const outcome = await heir.said("outcome");
    await heir.closed;
    expect(outcome).toBe(
      `outcome ${JSON.stringify({ by: killed.child.pid, endedBy: heir.child.pid })}`,
    );
    expect(await linesOf(file)).toEqual(["first", "second"]);
  });
});

describe("on a bad line", () => {
  test("a lease that ran out stops its work, and one outcome is recorded", async () => {
    const id = newId();
    const { fn, begun, stopped } = endless();
    let runs = 0;
    const cutOff = proxied().run(
      id,
      (run) => {
        runs += 1;
        return fn(run);
      },
      { lease: LEASE },
    );
    await begun;
    world.proxy.stall();
    const other = direct().run(id, () => "theirs", { lease: LEASE });
    expect(isLeaseLostError(await stopped)).toBe(true);
    expect(await other).toBe("theirs");
    world.proxy.mend();
    expect(await cutOff).toBe("theirs");
    expect(runs).toBe(1);
  });

  test("what a loser returns in spite of its signal is not the outcome", async () => {
    const id = newId();
    const begun = gate<Run>();
    const goOn = gate();
    const cutOff = proxied().run(
      id,
      async (run) => {
        begun.open(run);
        await goOn.opened;
        return "stubborn";
      },
      { lease: LEASE },
    );
    const { signal } = await begun.opened;
    const lost = once(signal, "abort");
    world.proxy.stall();
    await lost;
    const other = direct().run(id, () => "theirs", { lease: LEASE });
    goOn.open();
    expect(await other).toBe("theirs");
    world.proxy.mend();
    expect(await cutOff).toBe("theirs");
  });

  test("a version that is no longer the holder's cannot record an outcome", async () => {
    const id = newId();
    const begun = gate();
    const goOn = gate();
    const heldBack = gate();
    const refused = gate<number>();
    // The holder's sign of life is held back, so that it learns of its loss by the refusal alone.
    const mute: typeof fetch = async (input, init) => {
      const body = typeof init?.body === "string" ? init.body : "";
      if (body.includes("task.heartbeat")) await heldBack.opened;
      const response = await fetch(input, init);
      if (body.includes("task.fulfill")) refused.open(response.status);
      return response;
    };
    const holder = clientOn("socket", world.url, { fetch: mute }).run(
      id,
      async () => {
        begun.open();
        await goOn.opened;
        return "stale";
      },
      { lease: "20s" },
    );
    await begun.opened;
    await protocol("task.release", { id, version: 1 });
    const { fn, begun: taken } = endless();
    const controller = new AbortController();
    const thief = direct().run(id, fn, { signal: controller.signal });
    thief.catch(() => {});
    await taken;
    goOn.open();
    expect(await refused.opened).toBe(409);
    await protocol("promise.settle", { id, state: "resolved", value: { data: "winner" } });
    expect(await holder).toBe("winner");
    controller.abort();
    heldBack.open();
    await thief.catch(() => {});
  });

  test("work that was done before its lease ran out is recorded later, not done again", async () => {
    const id = newId();
    let done = false;
    let askedAgain = false;
    const mending: typeof fetch = (input, init) => {
      // The lease is over, and the line only now as good as before.
      if (done && typeof init?.body === "string" && init.body.includes("task.create")) {
        askedAgain = true;
        world.proxy.mend();
      }
      return fetch(input, init);
    };
    let runs = 0;
    const outcome = await clientOn("socket", world.proxy.url, { fetch: mending }).run(
      id,
      () => {
        runs += 1;
        world.proxy.stall();
        done = true;
        return "done";
      },
      { lease: LEASE },
    );
    expect(outcome).toBe("done");
    expect(askedAgain).toBe(true);
    expect(runs).toBe(1);
  });

  test("an answer of task.create that was cut off is understood as ours", async () => {
    const id = newId();
    let runs = 0;
    const cut = world.proxy.cutNextAnswer();
    const client = new DurablePromises({ url: world.proxy.url });
    const outcome = client.run(
      id,
      () => {
        runs += 1;
        return "ours";
      },
      { timeout: "20s" },
    );
    await cut;
    // The lease would last 30 s: only who knows that it is his own need not wait for its end.
    expect(await outcome).toBe("ours");
    expect(runs).toBe(1);
  });

  test("an answer of task.fulfill that was cut off does not run it again", async () => {
    const id = newId();
    let runs = 0;
    let cut: Promise<void> | undefined;
    const outcome = await proxied().run(id, () => {
      runs += 1;
      cut = world.proxy.cutNextAnswer();
      return "once";
    });
    await cut;
    expect(outcome).toBe("once");
    expect(runs).toBe(1);
  });

  test("kill -9 and a restart of the server in the middle are survived", async () => {
    const id = newId();
    const begun = gate();
    const goOn = gate();
    let runs = 0;
    const call = proxied().run(
      id,
      async ({ step }) => {
        runs += 1;
        await step.run("before", () => 1);
        begun.open();
        await goOn.opened;
        return step.run("after", () => "survived");
      },
      { lease: "5m" },
    );
    await begun.opened;
    const waiter = proxied().run(id, () => "not I", { lease: "5m" });
    await world.kill();
    const before = world.proxy.total;
    goOn.open();
    // The step is being recorded, again and again, while nobody is there to do it.
    await world.proxy.until(({ total }) => total > before + 2);
    await world.restart();
    expect(await Promise.all([call, waiter])).toEqual(["survived", "survived"]);
    expect(runs).toBe(1);
  });
});
