// The SDK's own in-memory server, asked in our words. It is what the SDK's authors test their client
// against, written by them and shipped with it, and so it knows nothing of ours. What we mean to do
// otherwise is not here but in `rulings.ts`; here is only how to talk to it.

import { responseOf } from "../conformance/rpc-client.ts";
import type { Response } from "./protocol-history.ts";
import type { Request } from "./protocol-request.ts";
import type { PromiseRecord, TaskRecord } from "./protocol-state.ts";

interface OraclePromise extends Omit<PromiseRecord, "settledAt"> {
  callbacks: Set<string>;
}

interface OracleTask extends Omit<TaskRecord, "resumes"> {
  resumes: Set<string>;
}

/** As much of it as is used; its own declarations name a file that is not shipped. */
interface SdkServer {
  promises: Map<string, OraclePromise>;
  tasks: Map<string, OracleTask>;
  tTimeouts: { id: string; type: number; timeout: number }[];
  apply: (
    now: number,
    request: object,
  ) => { response: { head: { status: number }; data: unknown } };
}

// The package shows no such door, so we take the file. It is pinned with the package.
const FILE = new URL(
  "../../node_modules/@resonatehq/sdk/dist/src/network/local.js",
  import.meta.url,
);
// SAFETY: the shape above is what the pinned version has; another one fails every test here at once.
const { Server } = (await import(FILE.href)) as { Server: new () => SdkServer };

export class Oracle {
  readonly #server = new Server();

  ask({ kind, data }: Request, now: number): Response {
    const head = { corrId: "1", version: "2026-04-01" };
    const { response } = this.#server.apply(now, { kind, head, data });
    return responseOf({ status: response.head.status, data: response.data });
  }

  tick(now: number): void {
    const head = { corrId: "1", version: "2026-04-01" };
    this.#server.apply(now, { kind: "debug.tick", head, data: { time: now } });
  }

  promise(id: string): OraclePromise | undefined {
    return this.#server.promises.get(id);
  }

  task(id: string): OracleTask | undefined {
    return this.#server.tasks.get(id);
  }

  promises(): OraclePromise[] {
    return [...this.#server.promises.values()];
  }

  tasks(): OracleTask[] {
    return [...this.#server.tasks.values()];
  }

  /** Retries and leases, by id. */
  timers(): Map<string, [kind: string, at: number]> {
    const { tTimeouts } = this.#server;
    return new Map(
      tTimeouts.map(({ id, type, timeout }) => [id, [type === 0 ? "retry" : "lease", timeout]]),
    );
  }
}
