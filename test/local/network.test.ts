/**
 * What workerd lets a Worker call, by the config that we give it: asked of the address that a name
 * leads to, so that a name which the policy on URLs takes for public leads nowhere else. The last wall
 * behind machine/webhook-url.ts, which resolves no names.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { workerdConfig } from "../../src/local/capnp.ts";
import { readProject } from "../../src/local/project.ts";
import { spawnWorkerd, type WorkerdProcess } from "../../src/local/workerd.ts";

/** Calls what it is told to, by everybody's network or by the trusted one. */
const WORKER = `export default {
  async fetch(request, env) {
    const { url, by } = await request.json();
    try {
      const response = await (by === "trusted" ? env.TRUSTED : globalThis).fetch(url);
      return new Response(await response.text());
    } catch {
      return new Response("refused", { status: 502 });
    }
  },
}`;

const folder = mkdtempSync(join(tmpdir(), "durable-promises-network-"));
const started: WorkerdProcess[] = [];
/** On every address of this machine. */
let receiver: Server;
let port: number;
let heard = 0;

beforeAll(async () => {
  receiver = createServer((_, response) => {
    heard += 1;
    response.end("heard");
  });
  await new Promise<void>((resolve) => receiver.listen(0, "0.0.0.0", resolve));
  // SAFETY: it listens on a port.
  ({ port } = receiver.address() as AddressInfo);
});
afterAll(async () => {
  for (const { signal, exited } of started) {
    signal("SIGKILL");
    await exited;
  }
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

async function start(callsLoopback: boolean) {
  const data = join(folder, String(callsLoopback));
  mkdirSync(join(data, "objects"), { recursive: true });
  writeFileSync(join(data, "worker.js"), WORKER);
  const { compatibilityDate, assets } = readProject();
  const config = join(data, "workerd.capnp");
  const text = workerdConfig({
    module: "worker.js",
    address: "127.0.0.1:0",
    compatibilityDate,
    compatibilityFlags: [],
    classes: [],
    objects: [],
    objectsDirectory: join(data, "objects"),
    assets: { ...assets, directory: data },
    settings: [],
    callsLoopback,
    trustedNetwork: "TRUSTED",
  });
  // No objects of its own, so no room for them.
  writeFileSync(config, text.replace(/ {2}durableObject\w+ = [\s\S]*?\n(?= {2}bindings)/, ""));
  const workerd = spawnWorkerd(config, {}, () => {});
  started.push(workerd);
  const url = `http://127.0.0.1:${await workerd.port}`;
  return async (host: string, by: "everybody" | "trusted" = "everybody"): Promise<string> => {
    const before = heard;
    const body = JSON.stringify({ url: `http://${host}:${port}/`, by });
    const said = await (await fetch(url, { method: "POST", body })).text();
    // Refused means that nobody was asked, not that an answer was kept back.
    expect(heard - before).toBe(said === "heard" ? 1 : 0);
    return said;
  };
}

/** Names and addresses that lead to this machine. */
const NEAR = ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"];
/** Its address in the network around it, if that is a private one: where metadata servers live too. */
const AROUND = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .filter(({ address }) => /^(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))\./.test(address))
  .map(({ address }) => address);

describe("the network of a Worker", () => {
  it("of a server with keys leads to no name or address of this machine", async () => {
    const call = await start(false);
    for (const host of [...NEAR, ...AROUND]) expect(await call(host), host).toBe("refused");
    // What an operator has set is another matter.
    for (const host of ["127.0.0.1", "localhost"])
      expect(await call(host, "trusted")).toBe("heard");
  });

  it("of a server for this machine leads there, and not into the network around it", async () => {
    const call = await start(true);
    for (const host of ["127.0.0.1", "localhost"]) expect(await call(host), host).toBe("heard");
    for (const host of AROUND) expect(await call(host), host).toBe("refused");
  });
});
