/**
 * A server with the debug surface, as a sequential test talks to it: its clock is the test's, and
 * what no request shows is read from `debug.snap`. An answer that leaves the outcome open is no
 * answer here: with one request at a time and no failures there is no reason for one.
 */
import type { Snapshot, Subject } from "../model/subject.ts";
import { rpcClient } from "./rpc-client.ts";

interface WireSnapshot {
  taskTimeouts: { id: string; type: 0 | 1; timeout: number }[];
  callbacks: { awaited: string; awaiter: string }[];
  listeners: { id: string; address: string }[];
  messages: { message: { kind: string; data: { task?: { id: string; version: number } } } }[];
}

/** Our server's interval between two offers. */
const RETRY_MS = 5_000;

export async function httpSubject(url: string): Promise<Subject> {
  const { send, ask } = rpcClient(url);

  async function debug(kind: string, data: object = {}): Promise<unknown> {
    const reply = await send(kind, data);
    if (reply.status !== 200) throw new Error(`${kind}: ${reply.status} ${String(reply.data)}`);
    return reply.data;
  }

  await debug("debug.start");
  return {
    async ask(request, now) {
      const response = await ask(request, now);
      if (!response) throw new Error(`no outcome: ${JSON.stringify(request)} at ${now}`);
      return response;
    },
    async tick(now) {
      await debug("debug.tick", { time: now });
    },
    async snap() {
      // SAFETY: the protocol's shape; a wrong one fails the comparison that asked for it.
      return snapshotOf((await debug("debug.snap")) as WireSnapshot);
    },
    async reset() {
      await debug("debug.reset");
    },
  };
}

function snapshotOf(wire: WireSnapshot): Snapshot {
  const timers: Snapshot["timers"] = new Map();
  for (const { id, type, timeout } of wire.taskTimeouts) {
    timers.set(id, type === 1 ? ["lease", timeout] : ["retry", timeout - RETRY_MS]);
  }
  const tasks = wire.messages.flatMap(({ message }) => message.data.task ?? []);
  const callbacks = Map.groupBy(wire.callbacks, ({ awaited }) => awaited);
  const listeners = Map.groupBy(wire.listeners, ({ id }) => id);
  return {
    timers,
    offers: new Map(tasks.map(({ id, version }) => [id, version])),
    callbacks: new Map([...callbacks].map(([id, rows]) => [id, rows.map((row) => row.awaiter)])),
    listeners: new Map([...listeners].map(([id, rows]) => [id, rows.map((row) => row.address)])),
  };
}
