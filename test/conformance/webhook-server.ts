/**
 * The server with one more door, `POST /enqueue/:webhook`: an event straight into an endpoint's
 * object, as a promise's own object puts it there. The same Worker, the same classes, the same disk.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleWorker } from "../../src/local/bundle.ts";
import { workerdConfig } from "../../src/local/capnp.ts";
import { readProject } from "../../src/local/project.ts";
import { spawnWorkerd } from "../../src/local/workerd.ts";

export interface WebhookServer {
  url: string;
  send(method: string, path: string, body?: unknown): Promise<{ status: number; json: Body }>;
  /** Durable when this has resolved. */
  enqueue(webhook: string, promiseId: string): Promise<void>;
  kill(): Promise<void>;
}

export type Body = Record<string, unknown>;

/** The id of an event of {@link WebhookServer.enqueue}. */
export function eventId(promiseId: string): string {
  return `evt_${promiseId}_created`;
}

export async function startWebhookServer(data: string): Promise<WebhookServer> {
  const project = readProject();
  const objectsDirectory = join(data, "objects");
  mkdirSync(objectsDirectory, { recursive: true });
  const entry = join(data, "entry.js");
  writeFileSync(
    entry,
    `import app from ${JSON.stringify(project.main)};
    export * from ${JSON.stringify(project.main)};
    export default {
      async fetch(request, env, ctx) {
        const webhook = /\\/enqueue\\/(.*)/.exec(request.url)?.[1];
        if (!webhook) return app.fetch(request, env, ctx);
        await env.WEBHOOKS.getByName(webhook).enqueue(await request.json());
        return new Response("enqueued");
      },
    };`,
  );
  writeFileSync(join(data, "worker.js"), await bundleWorker(entry));
  const settings = { OPEN: "loopback" };
  const config = join(data, "workerd.capnp");
  const address = "127.0.0.1:0";
  const names = Object.keys(settings);
  writeFileSync(
    config,
    workerdConfig({
      ...project,
      module: "worker.js",
      address,
      objectsDirectory,
      settings: names,
      callsLoopback: true,
    }),
  );
  const workerd = spawnWorkerd(config, settings, () => {});
  const url = `http://127.0.0.1:${await workerd.port}`;

  async function send(method: string, path: string, body?: unknown) {
    const response = await fetch(url + path, {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      }),
    });
    const text = await response.text();
    // SAFETY: what a test expects of it, it checks.
    const json = (text.startsWith("{") ? JSON.parse(text) : {}) as Body;
    return { status: response.status, json };
  }

  return {
    url,
    send,
    async enqueue(webhook, promiseId) {
      const record = {
        id: promiseId,
        birth: promiseId,
        state: "pending",
        param: { data: '{"n": 1.0}' },
        tags: {},
        timeoutAt: Number.MAX_SAFE_INTEGER,
        createdAt: Date.now(),
      };
      const { status } = await send("POST", `/enqueue/${webhook}`, {
        type: "promise.created",
        record,
      });
      if (status !== 200) throw new Error(`enqueue was answered ${status}`);
    },
    async kill() {
      workerd.signal("SIGKILL");
      await workerd.exited;
    },
  };
}
