/**
 * A TCP line between client and server that can be cut, silenced and mended: the network loss of the
 * tests. Knows bytes, not HTTP.
 */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Proxy {
  url: string;
  /** Connections that the client holds open now. */
  readonly open: number;
  /** Connections that the client has opened since the beginning. */
  readonly total: number;
  /** Ends every connection and refuses new ones, as a host does whose process died. */
  cut(): void;
  /** Accepts and keeps every connection, but lets no byte through: what a dead line looks like. */
  stall(): void;
  /** Back to normal for new connections; stalled ones stay dead. */
  mend(): void;
  /** Cuts the next connection whose answer begins, before any of the answer is passed on. */
  cutNextAnswer(): Promise<void>;
  /** Resolves as soon as a condition on this proxy holds. */
  until(condition: (proxy: Proxy) => boolean): Promise<void>;
  /** Where connections lead from now on. */
  target: string;
  close(): Promise<void>;
}

export async function startProxy(target: string): Promise<Proxy> {
  const pairs = new Set<{ client: Socket; server: Socket; dead: boolean }>();
  const waiting = new Set<() => void>();
  let mode: "open" | "cut" | "stalled" = "open";
  let cutAnswer: (() => void) | undefined;
  let total = 0;

  const changed = () => {
    for (const check of waiting) check();
  };

  const listener = createServer((client) => {
    total += 1;
    client.on("error", () => {});
    if (mode === "cut") {
      client.resetAndDestroy();
      return changed();
    }
    const { hostname, port } = new URL(proxy.target);
    const server = connect(Number(port), hostname);
    const pair = { client, server, dead: mode === "stalled" };
    pairs.add(pair);
    server.on("error", () => client.destroy());
    client.on("data", (bytes) => {
      if (!pair.dead) server.write(bytes);
    });
    server.on("data", (bytes) => {
      if (pair.dead) return;
      if (cutAnswer) {
        const done = cutAnswer;
        cutAnswer = undefined;
        client.resetAndDestroy();
        server.destroy();
        done();
      } else client.write(bytes);
    });
    server.on("close", () => {
      if (!pair.dead) client.end();
    });
    client.on("close", () => {
      pairs.delete(pair);
      server.destroy();
      changed();
    });
    changed();
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));

  const proxy: Proxy = {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    target,
    get open() {
      return pairs.size;
    },
    get total() {
      return total;
    },
    cut() {
      mode = "cut";
      for (const { client } of pairs) client.resetAndDestroy();
    },
    stall() {
      mode = "stalled";
      for (const pair of pairs) pair.dead = true;
    },
    mend() {
      mode = "open";
    },
    cutNextAnswer: () => new Promise((resolve) => (cutAnswer = resolve)),
    until: (condition) =>
      new Promise((resolve) => {
        const check = () => {
          if (!condition(proxy)) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
    close: () =>
      new Promise((resolve) => {
        for (const { client } of pairs) client.destroy();
        listener.close(() => resolve());
      }),
  };
  return proxy;
}
