/** `startServer`: a free port, one server for a folder, and folders that survive what happens. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startServer, type Server, type ServerOptions } from "../../src/local/server.ts";
import { isRunning, temporaryData } from "./command.ts";

let data: string;
let cleanups: (() => unknown)[];

beforeEach(() => {
  const temporary = temporaryData();
  data = temporary.data;
  cleanups = [temporary.remove];
});

afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

async function start(options: Partial<ServerOptions> = {}): Promise<Server> {
  const server = await startServer({ data, ...options });
  cleanups.push(() => server.kill());
  return server;
}

const portOf = (server: Server) => Number(new URL(server.url).port);
const health = async (server: Server) => (await fetch(`${server.url}/health`)).status;

async function put(server: Server, id: string, key?: string): Promise<number> {
  const headers = new Headers({ "content-type": "application/json" });
  if (key !== undefined) headers.set("authorization", `Bearer ${key}`);
  const answer = await fetch(`${server.url}/promises/${id}`, {
    method: "PUT",
    headers,
    body: "{}",
  });
  return answer.status;
}

describe("a server", () => {
  it("picks a free port, so that many can run side by side", async () => {
    const [one, other] = [await start(), await start({ data: `${data}-other` })];
    expect(portOf(one)).not.toBe(portOf(other));
    expect(await Promise.all([health(one), health(other)])).toEqual([200, 200]);
  });

  it("starts again on the folder and the port of one that was stopped, with its promises", async () => {
    const first = await start();
    expect(await put(first, "kept")).toBe(201);
    await first.stop();
    expect(isRunning(first.pid)).toBe(false);
    expect(existsSync(join(data, "server.json"))).toBe(false);
    const second = await start({ port: portOf(first) });
    expect(second.url).toBe(first.url);
    expect((await fetch(`${second.url}/promises/kept`)).status).toBe(200);
  });

  it("takes over the folder of one that was killed, with its promises", async () => {
    const first = await start();
    expect(await put(first, "kept")).toBe(201);
    await first.kill();
    expect(existsSync(join(data, "server.json"))).toBe(true);
    const second = await start();
    expect((await fetch(`${second.url}/promises/kept`)).status).toBe(200);
  });

  it("may be stopped and killed twice, in any order", async () => {
    const server = await start();
    await Promise.all([server.stop(), server.stop()]);
    await server.kill();
    await server.stop();
    expect(await server.exited).toMatchObject({ code: 0 });
  });

  it("serves the static files", async () => {
    const server = await start();
    const answer = await fetch(`${server.url}/assets/swagger-ui.css`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toContain("text/css");
  });

  it("listens on IPv6 too", async () => {
    const server = await start({ host: "::1" });
    expect(server.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect(server.access).toBe("open");
    expect(await health(server)).toBe(200);
  });
});

describe("access", () => {
  it("needs no key on a loopback address without keys", async () => {
    const server = await start();
    expect(server.access).toBe("open");
    expect(await put(server, "x")).toBe(201);
  });

  it("needs a key when there are keys, and writes none to the folder", async () => {
    const server = await start({ env: { API_KEYS: "secret-key-1234567890" } });
    expect(server.access).toBe("keys");
    expect(await put(server, "x")).toBe(401);
    expect(await put(server, "x", "secret-key-1234567890")).toBe(201);
    for (const file of ["workerd.capnp", "worker.js", "server.json"]) {
      expect(await readFile(join(data, file), "utf8")).not.toContain("secret-key-1234567890");
    }
  });

  it("needs a token when there are keys of tokens", async () => {
    const jwk = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
    const server = await start({ env: { JWT_KEYS: JSON.stringify({ keys: [jwk] }) } });
    expect(server.access).toBe("keys");
    expect(await put(server, "x")).toBe(401);
  });

  it("is refused without keys where other machines can reach it, but for /health", async () => {
    const server = await start({ host: "0.0.0.0", env: { API_KEYS: " " } });
    expect(server.access).toBe("closed");
    expect(await put(server, "x")).toBe(503);
    expect(await health(server)).toBe(200);
  });

  it("cannot be opened from the environment", async () => {
    const server = await start({ host: "0.0.0.0", env: { OPEN: "loopback" } });
    expect(await put(server, "x")).toBe(503);
  });
});

describe("a start that is refused", () => {
  it("names who serves the folder already, and leaves that one alone", async () => {
    const first = await start();
    await expect(start()).rejects.toMatchObject({
      code: "folder_in_use",
      message: expect.stringContaining(`pid ${first.pid} at ${first.url}`),
    });
    expect(await health(first)).toBe(200);
  });

  it("for a port in use leaves no folder and no lock", async () => {
    const first = await start();
    const other = `${data}-other`;
    await expect(start({ data: other, port: portOf(first) })).rejects.toMatchObject({
      code: "address_unusable",
      message: expect.stringContaining("the port is in use"),
    });
    expect(existsSync(other)).toBe(false);
    const second = await start({ data: other });
    expect(await health(second)).toBe(200);
  });

  it("for a setting that makes no sense says which and leaves nothing running", async () => {
    const refused = start({ env: { AWAITERS_MAX: "plenty" } });
    await expect(refused).rejects.toMatchObject({
      code: "workerd_failed",
      message: expect.stringContaining("AWAITERS_MAX"),
    });
    expect(await health(await start())).toBe(200);
  });

  it("for a folder that is a file says so", async () => {
    await expect(start({ data: import.meta.filename })).rejects.toMatchObject({
      code: "folder_unusable",
      message: expect.stringContaining(import.meta.filename),
    });
  });
});
