/**
 * What is behind the React entry, without React: who reads, leaves and comes back, and what is sent
 * for that. Against a real server; sockets are counted as they are made.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { DurablePromises, type SocketConstructor } from "../../client/src/index.ts";
import { knownPromise, livePromise } from "../../client/src/live-promise.ts";
import { LINE, newId, startWorld, type World } from "./world.ts";
import { eventually } from "../eventually.ts";

let world: World;
let client: DurablePromises;
let open = 0;
let opened = 0;

/** Counts, and is otherwise the platform's. */
class Counted extends WebSocket {
  constructor(...args: ConstructorParameters<typeof WebSocket>) {
    super(...args);
    open += 1;
    opened += 1;
    this.addEventListener("close", () => (open -= 1));
  }
}

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(() => {
  opened = 0;
  client = new DurablePromises({
    url: world.url,
    WebSocket: Counted as unknown as SocketConstructor,
  });
});
afterAll(() => world[Symbol.asyncDispose]());

const soon = (expected: () => void) => eventually(expected);
const stateOf = (id: string) => knownPromise(client, id)?.state;

describe("readers", () => {
  test("that come twice in one breath, or two at once, share one line", async () => {
    const id = newId();
    await world.direct.create(id);
    let told = 0;
    const reader = () => (told += 1);
    const leaveFirst = livePromise(client, id).subscribe(reader);
    leaveFirst();
    const leave = livePromise(client, id).subscribe(reader);
    // The same function again is another reader.
    const leaveToo = livePromise(client, id).subscribe(reader);
    leaveToo();
    leaveToo();
    await soon(() => expect(stateOf(id)).toMatchObject({ status: "pending", record: { id } }));
    expect(told).toBe(1);
    expect([open, opened]).toEqual([1, 1]);
    leave();
    await soon(() => expect(open).toBe(0));
    expect(stateOf(id)).toBeUndefined();
  });

  test("see the same object until something changes", async () => {
    const id = newId();
    const leave = livePromise(client, id).subscribe(() => {});
    await soon(() => expect(stateOf(id)?.status).toBe("absent"));
    expect(stateOf(id)).toBe(stateOf(id));
    await world.direct.create(id);
    await soon(() => expect(stateOf(id)?.status).toBe("pending"));
    await world.direct.reject(id, "no");
    await soon(() =>
      expect(stateOf(id)).toMatchObject({
        status: "rejected",
        value: undefined,
        error: { message: "no", code: "rejected" },
      }),
    );
    leave();
  });

  test("that were refused are not sent round in circles, and may try again", async () => {
    const nowhere = new DurablePromises({ url: `${world.url}/nowhere`, line: LINE });
    const id = newId();
    const leave = livePromise(nowhere, id).subscribe(() => {});
    await soon(() =>
      expect(knownPromise(nowhere, id)?.state).toMatchObject({
        status: "refused",
        error: { code: "no_route" },
      }),
    );
    const another = livePromise(nowhere, id).subscribe(() => {});
    expect(knownPromise(nowhere, id)?.state.status).toBe("refused");
    leave();
    another();
    await soon(() => expect(knownPromise(nowhere, id)).toBeUndefined());
  });
});

describe("what is settled", () => {
  test("stays known without a line, but not more of it than a page can hold", async () => {
    const ids = Array.from({ length: 120 }, (_, n) => `${newId()}/${n}`);
    const last = ids[119]!;
    // Settles whatever it is asked to: the disk is not what this is about.
    const quick = new DurablePromises({
      url: world.url,
      WebSocket: Counted as unknown as SocketConstructor,
      fetch: async (input) => {
        const { pathname } = new URL(new Request(input).url);
        const id = decodeURIComponent(pathname.slice("/promises/".length));
        return Response.json({ id, state: "RESOLVED", value: { data: id } });
      },
    });
    await Promise.all(ids.slice(0, -1).map((id) => livePromise(quick, id).settle("resolve", id)));
    await livePromise(quick, last).settle("resolve", last);
    await soon(() => expect(ids.filter((id) => knownPromise(quick, id))).toHaveLength(100));
    expect(knownPromise(quick, last)?.state).toMatchObject({ status: "resolved", value: last });
    livePromise(quick, last).subscribe(() => {})();
    expect(opened).toBe(0);
  });

  test("is told by the answer of who settles, before the line tells it", async () => {
    const id = newId();
    await world.direct.create(id);
    const live = livePromise(client, id);
    const first = live.settle("resolve", 1);
    const second = live.settle("reject", "changed my mind");
    expect(second).toBe(first);
    expect(live.state).toMatchObject({ status: "connecting", settling: true });
    expect((await first).state).toBe("RESOLVED");
    expect(live.state).toMatchObject({ status: "resolved", value: 1, settling: false });
    await expect(live.settle("reject", "too late")).rejects.toMatchObject({
      code: "already_resolved",
    });
    expect(live.state).toMatchObject({ status: "resolved", error: undefined });
    expect(opened).toBe(0);
  });

  test("by one vote of two is not settled: the votes are shown", async () => {
    const id = newId();
    await world.direct.create(id, { quorum: { approvals: 2, of: 3 } });
    const leave = livePromise(client, id).subscribe(() => {});
    await soon(() => expect(stateOf(id)?.status).toBe("pending"));
    await livePromise(client, id).settle("resolve", 1);
    expect(stateOf(id)).toMatchObject({
      status: "pending",
      settling: false,
      record: { votes: [{ approves: true }] },
    });
    // Nobody has a name here, so the second one is the same voter.
    await livePromise(client, id)
      .settle("resolve", 1)
      .catch(() => {});
    expect(stateOf(id)).toMatchObject({ status: "pending", error: { code: "already_voted" } });
    leave();
  });

  test("wrongly is said until it is tried again", async () => {
    const id = newId();
    const live = livePromise(client, id);
    const leave = live.subscribe(() => {});
    await soon(() => expect(live.state.status).toBe("absent"));
    await live.settle("resolve", 1).catch(() => {});
    expect(live.state).toMatchObject({ status: "absent", error: { code: "not_found" } });
    await live.settle("resolve", () => {}).catch(() => {});
    expect(live.state.error).toBeInstanceOf(TypeError);
    await world.direct.create(id);
    await live.settle("resolve", 1);
    expect(live.state).toMatchObject({ status: "resolved", error: undefined });
    leave();
  });
});
