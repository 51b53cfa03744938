/**
 * The floor: the least that a Worker and a Durable Object can do for one write, one read or one
 * awaiter. One RPC, one kv operation, hibernating sockets; no validation, no framework, no record.
 * What our server costs beyond this is what our server does. Plain JavaScript, run as it stands.
 */
import { DurableObject } from "cloudflare:workers";

const KEY = "value";

export class FloorObject extends DurableObject {
  create(text) {
    this.ctx.storage.kv.put(KEY, text);
  }

  settle(text) {
    this.ctx.storage.kv.put(KEY, text);
    for (const socket of this.ctx.getWebSockets()) {
      socket.send(text);
      socket.close(1000);
    }
  }

  get() {
    return this.ctx.storage.kv.get(KEY) ?? null;
  }

  fetch() {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    server.send(this.get() ?? "");
    return new Response(null, { status: 101, webSocket: client });
  }
}

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    const object = env.FLOOR.getByName(pathname);
    if (request.method === "PUT") {
      await object.create(await request.text());
      return new Response(null, { status: 201 });
    }
    if (request.method === "PATCH") {
      await object.settle(await request.text());
      return new Response(null, { status: 201 });
    }
    if (request.headers.get("upgrade") === "websocket") return object.fetch(request);
    return new Response(await object.get(), { headers: { "content-type": "application/json" } });
  },
};
