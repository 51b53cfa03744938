/**
 * More promises than files may be open for, one after another as fast as they come: callers wait, and
 * the server stays. Without a count workerd answers with 500, and ends when somebody connects.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../eventually.ts";
import { startCommand, temporaryData } from "./command.ts";

const FILES_MAX = 600;
/** Each holds three. */
const PROMISES = (FILES_MAX * 2) / 5;
const CALLERS = 16;
const headers = { "content-type": "application/json" };

let url: string;
let cleanups: (() => unknown)[];

beforeAll(async () => {
  const { data, remove } = temporaryData();
  const command = startCommand(["--port", "0", "--data", data], {}, FILES_MAX);
  cleanups = [
    remove,
    async () => {
      command.process.kill("SIGTERM");
      await command.ended;
    },
  ];
  url = await command.url;
});

afterAll(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

/** How often each status was the answer. */
async function makeAll(): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < PROMISES) {
      next += 1;
      const made = await fetch(`${url}/promises/${next}`, { method: "PUT", headers, body: "{}" });
      const { status } = made;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return statuses;
}

it("makes them all, and answers whoever knocks meanwhile", async () => {
  let isMade = false;
  const made = makeAll().finally(() => (isMade = true));
  await eventually(
    async () => {
      // Each on a connection of its own.
      const { status } = await fetch(`${url}/health`, { headers: { connection: "close" } });
      if (status !== 200) isMade = true;
      expect([status, isMade]).toEqual([200, true]);
    },
    { forMs: 50_000, everyMs: 100 },
  );
  expect(await made).toEqual(new Map([[201, PROMISES]]));
});
