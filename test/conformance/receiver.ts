/**
 * A receiver of webhooks on loopback, as bad as a test wants it: it remembers every request, and does
 * with each what it is told. It verifies nothing; the tests do.
 */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  /** The `webhook-id`. */
  id: string;
  /** Of its path, for receivers that are several in one. */
  path: string;
  method: string;
  headers: IncomingHttpHeaders;
  body: string;
  at: number;
}

/** What to do with the n-th request, counted from 1 for each `webhook-id`. */
export type Behaviour = (response: ServerResponse, received: Received, nth: number) => void;

export interface Receiver {
  url: string;
  all: Received[];
  /** For what comes from now on. */
  behave(behaviour: Behaviour): void;
  stop(): Promise<void>;
}

export function answer(status: number, headers: Record<string, string> = {}): Behaviour {
  return (response) => response.writeHead(status, headers).end("thanks");
}

export async function startReceiver(first: Behaviour = answer(200)): Promise<Receiver> {
  const all: Received[] = [];
  let behaviour = first;
  const server = createServer((request, response) => {
    // Who is cut off in the middle is not to end this process.
    response.on("error", () => undefined);
    const chunks: Buffer[] = [];
    request.on("error", () => undefined);
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { headers, method = "", url: path = "" } = request;
      const id = String(headers["webhook-id"]);
      const body = Buffer.concat(chunks).toString();
      const received = { id, path, method, headers, body, at: Date.now() };
      all.push(received);
      behaviour(response, received, all.filter((other) => other.id === id).length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // SAFETY: it listens on a port, not on a pipe.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    all,
    behave(next) {
      behaviour = next;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
