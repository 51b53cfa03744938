/**
 * `GET /poll/:group/:pid`: a worker takes what its group's inbox has for it, as Server-Sent Events
 * without names or ids, the way Resonate's SDK reads them. The stateless Worker holds the worker's
 * request, which costs CPU only, on a hibernating socket to the inbox, which costs nothing.
 *
 * It passes messages on without reading them, and acknowledges those that must arrive once the
 * worker's connection has taken them.
 */
import { faultOfGroup, faultOfPid } from "../machine/address.ts";
import type { InboxObject } from "../object/inbox-object.ts";
import type { C } from "./edge.ts";
import { invalid, Refusal } from "./errors.ts";
import { pathOf, refuseQuery } from "./parse.ts";
import { originOf } from "./promises.ts";
import { permitGroup } from "./targets.ts";

/**
 * Proxies close a stream that is quiet for long (60 s is usual). And where the runtime finds a line
 * dead only when it is spoken to (workerd does), a worker that died is counted for about so long.
 */
const KEEP_ALIVE_MS = 10_000;

/**
 * What may wait for a worker that does not read: beyond it the stream ends, and with it the memory.
 * A whole message more always fits, for the largest has 2 MB.
 */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;
const WAITING_MAX = 1000;

/** An inbox that cannot be reached so often in a row is left to the worker's own patience. */
const FAILURES_MAX = 5;
const RECONNECT_MS_MAX = 2000;

const EXECUTE = '{"kind":"execute","head":{';

interface Line {
  inboxes: DurableObjectNamespace<InboxObject>;
  group: string;
  pid: string;
  serverUrl: string;
  /** The worker hung up. */
  signal: AbortSignal;
}

export async function poll(c: C): Promise<Response> {
  const { url, method, signal } = c.req.raw;
  const [group, pid] = addressOf(url);
  refuseQuery(url);
  // Its messages name the promises of whoever shares it, and whoever polls takes them from the others.
  permitGroup(c.get("principal"), group, "group");
  const serverUrl = originOf({ env: c.env, request: c.req.raw });
  const line = { inboxes: c.env.INBOXES, group, pid, serverUrl, signal };
  return new Response(method === "HEAD" ? null : await messageStream(line), {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
}

function addressOf(url: string): [group: string, pid: string] {
  const [group = "", pid = ""] = pathOf(url).split("/").slice(2);
  return [named("group", group, faultOfGroup), named("pid", pid, faultOfPid)];
}

function named(field: string, raw: string, faultOf: typeof faultOfPid): string {
  let name: string;
  try {
    name = decodeURIComponent(raw);
  } catch {
    throw invalid(field, `${field} is not percent-encoded UTF-8`);
  }
  const fault = faultOf(name);
  if (fault !== undefined) throw invalid(field, `${field} ${fault}`);
  return name;
}

/** The first socket is opened before the answer begins, which can still be a refusal then. */
async function messageStream(line: Line): Promise<ReadableStream<Uint8Array>> {
  const opened = await openLine(line);
  const outlet = new Outlet(line.signal);
  void outlet.put(": connected\n\n");
  const keepAlive = setInterval(() => void outlet.put(": keep-alive\n\n"), KEEP_ALIVE_MS);
  void follow({ ...line, signal: outlet.signal }, opened, outlet).finally(() => {
    clearInterval(keepAlive);
    outlet.end();
  });
  return outlet.readable;
}

async function openLine({ inboxes, group, pid }: Line): Promise<WebSocket> {
  const response = await inboxes
    .getByName(group)
    .fetch(`https://inbox/?pid=${encodeURIComponent(pid)}`, { headers: { upgrade: "websocket" } });
  if (response.webSocket) return response.webSocket;
  if (response.status === 503) {
    throw new Refusal("too_many_workers", `The group "${group}" has as many workers as it may`, {
      headers: { "retry-after": "5" },
    });
  }
  throw new Error(`the inbox answered an upgrade with ${response.status}`);
}

/** Until the worker hangs up, another takes its name, or the inbox cannot be reached. */
async function follow(line: Line, opened: WebSocket, outlet: Outlet): Promise<void> {
  let next: WebSocket | undefined = opened;
  for (let failures = 0; !line.signal.aborted && failures < FAILURES_MAX; failures += 1) {
    try {
      const socket: WebSocket = next ?? (await openLine(line));
      const openedAt = Date.now();
      if (await listen(socket, line, outlet)) return;
      if (Date.now() - openedAt > RECONNECT_MS_MAX) failures = 0;
    } catch {
      // The inbox's object is moving, or its place was taken meanwhile: it counts as a failure.
    }
    next = undefined;
    await pause(Math.min(50 * 2 ** failures, RECONNECT_MS_MAX) * Math.random(), line.signal);
  }
}

/** @returns whether the inbox has ended it for good; `false` when the line broke or was hung up */
function listen(socket: WebSocket, { serverUrl, signal }: Line, outlet: Outlet): Promise<boolean> {
  return new Promise((resolve) => {
    function stop(ended: boolean): void {
      signal.removeEventListener("abort", hangUp);
      closeQuietly(socket);
      resolve(ended);
    }
    function hangUp(): void {
      stop(false);
    }
    socket.addEventListener("message", ({ data }) => {
      void pass(String(data), serverUrl, socket, outlet);
    });
    // 1000: another connection has this pid now. To come again would be to fight over it.
    socket.addEventListener("close", ({ code }) => stop(code === 1000));
    socket.addEventListener("error", hangUp);
    signal.addEventListener("abort", hangUp);
    socket.accept();
    if (signal.aborted) hangUp();
  });
}

/** A message is an `execute` as it is, or the number to acknowledge, a line break, and the message. */
async function pass(
  message: string,
  serverUrl: string,
  socket: WebSocket,
  outlet: Outlet,
): Promise<void> {
  if (message.startsWith(EXECUTE)) {
    const head = `"serverUrl":${JSON.stringify(serverUrl)}`;
    await outlet.put(eventText(`${EXECUTE}${head}${message.slice(EXECUTE.length)}`));
    return;
  }
  const split = message.indexOf("\n");
  if (!(await outlet.put(eventText(message.slice(split + 1))))) return;
  try {
    socket.send(`{"ack":${message.slice(0, split)}}`);
  } catch {
    // The line broke in between: the inbox sends it again.
  }
}

function eventText(message: string): string {
  // A line break, which data may have as it came, would end the field; each line is a field of its own.
  return `data: ${message.replaceAll(/\r\n|\r|\n/g, "\ndata: ")}\n\n`;
}

/** The stream to the worker: what was put and not yet taken by its connection is bounded. */
class Outlet {
  readonly readable: ReadableStream<Uint8Array>;
  /** The worker hung up, or does not read. */
  readonly signal: AbortSignal;
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #over = new AbortController();
  #encoder = new TextEncoder();
  #waiting = 0;
  #waitingBytes = 0;

  constructor(hungUp: AbortSignal) {
    const { readable, writable } = new IdentityTransformStream();
    this.readable = readable;
    this.#writer = writable.getWriter();
    this.signal = AbortSignal.any([hungUp, this.#over.signal]);
    this.#writer.closed.catch(() => this.#over.abort());
  }

  /** @returns whether the worker's connection has taken it */
  async put(text: string): Promise<boolean> {
    if (this.#waiting >= WAITING_MAX || this.#waitingBytes > WAITING_BYTES_MAX) this.#over.abort();
    if (this.signal.aborted) return false;
    const chunk = this.#encoder.encode(text);
    this.#waiting += 1;
    this.#waitingBytes += chunk.length;
    try {
      await this.#writer.write(chunk);
      return true;
    } catch {
      this.#over.abort();
      return false;
    } finally {
      this.#waiting -= 1;
      this.#waitingBytes -= chunk.length;
    }
  }

  end(): void {
    const ended = this.signal.aborted ? this.#writer.abort() : this.#writer.close();
    // The worker hung up before it heard of the end.
    ended.catch(() => undefined);
  }
}

function closeQuietly(socket: WebSocket): void {
  try {
    socket.close(1000);
  } catch {
    // Closed already.
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await scheduler.wait(ms, { signal });
  } catch {
    // Stopped; the loop sees the signal.
  }
}
