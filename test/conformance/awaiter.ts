/**
 * Those who wait: a WebSocket, and an event stream. Each hands out what it was told in the order it
 * was told, and fails when it hears nothing in time.
 */
import { createParser } from "eventsource-parser";
import { SUBPROTOCOL, type Frame } from "../../client/src/protocol.ts";
import type { Service } from "./service.ts";

/** Local servers answer in milliseconds; two busy cores stretch that, never so far. */
const HEARD_NOTHING_MS = 10_000;

/** Messages in, messages out, in order; `next` waits for one. */
class Inbox<T> {
  readonly #messages: T[] = [];
  readonly #takers: ((message: T | undefined) => void)[] = [];
  #ended = false;

  put(message: T): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#messages.push(message);
    else taker(message);
  }

  end(): void {
    this.#ended = true;
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  unread(): number {
    return this.#messages.length;
  }

  /** The next message; `undefined` after the end. */
  next(what: string): Promise<T | undefined> {
    const message = this.#messages.shift();
    if (message !== undefined) return Promise.resolve(message);
    if (this.#ended) return Promise.resolve(undefined);
    return inTime(new Promise((resolve) => this.#takers.push(resolve)), what);
  }
}

export async function inTime<T>(
  promised: Promise<T>,
  what: string,
  ms = HEARD_NOTHING_MS,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`heard nothing in ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([promised, late]);
  } finally {
    clearTimeout(timer);
  }
}

export interface SocketAwaiter {
  protocol: string;
  /** The next text message as it came. */
  nextText(): Promise<string | undefined>;
  next(): Promise<Frame | undefined>;
  /** How many messages have come that nobody has asked for yet. */
  unread(): number;
  send(message: string | Uint8Array<ArrayBuffer>): void;
  closed(ms?: number): Promise<{ code: number; wasClean: boolean }>;
  close(): void;
}

/** Opens a WebSocket on a promise; rejects when the server refuses the upgrade. */
export async function openSocket(
  service: Service,
  id: string,
  protocols: string[] = [SUBPROTOCOL],
): Promise<SocketAwaiter> {
  const socket = new WebSocket(service.address(id).replace(/^http/, "ws"), protocols);
  const inbox = new Inbox<string>();
  const ended = Promise.withResolvers<{ code: number; wasClean: boolean }>();
  socket.addEventListener("message", (event) => inbox.put(String(event.data)));
  socket.addEventListener("close", (event) => {
    ended.resolve({ code: event.code, wasClean: event.wasClean });
    inbox.end();
  });
  await inTime(
    new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", () => reject(new Error(`no WebSocket on ${id}`)));
    }),
    `the opening of a WebSocket on ${id}`,
  );
  const nextText = (): Promise<string | undefined> => inbox.next(`a frame about ${id}`);
  return {
    protocol: socket.protocol,
    nextText,
    async next() {
      const text = await nextText();
      // SAFETY: what the frame really is, is what the caller goes on to assert.
      return text === undefined ? undefined : (JSON.parse(text) as Frame);
    },
    send: (message) => socket.send(message),
    unread: () => inbox.unread(),
    closed: (ms) => inTime(ended.promise, `the closing of a WebSocket on ${id}`, ms),
    close: () => socket.close(),
  };
}

export interface StreamEvent {
  type: string;
  data: string;
  id: string | undefined;
}

export interface StreamAwaiter {
  status: number;
  headers: Headers;
  /** The next event; `undefined` when the server has ended the stream. */
  next(): Promise<StreamEvent | undefined>;
  close(): void;
}

/** Opens an event stream on a promise, whatever the answer's status. */
export async function openStream(
  service: Service,
  id: string,
  headers: Record<string, string> = {},
): Promise<StreamAwaiter> {
  const controller = new AbortController();
  const response = await inTime(
    fetch(service.address(id), {
      headers: { accept: "text/event-stream", ...headers },
      signal: controller.signal,
    }),
    `the opening of a stream on ${id}`,
  );
  const inbox = new Inbox<StreamEvent>();
  const parser = createParser({
    onEvent: (event) =>
      inbox.put({ type: event.event ?? "message", data: event.data, id: event.id }),
  });
  void (async () => {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body ?? [])
        parser.feed(decoder.decode(chunk, { stream: true }));
    } catch {
      // The test closed the stream, or the server did without a proper end; both are an end.
    }
    inbox.end();
  })();
  return {
    status: response.status,
    headers: response.headers,
    next: () => inbox.next(`an event about ${id}`),
    close: () => controller.abort(),
  };
}
