/**
 * A search followed live. The stateless Worker holds the caller's line, which costs CPU only, and
 * follows each shard of the index through a hibernating socket, which costs nothing while nothing
 * happens. First it listens, then it asks for the page: what changes in between is told, perhaps twice.
 *
 * When a shard moves or crashes its line breaks; the Worker connects again from where it had heard.
 */
import { LIMITS, PING, PONG, type ListEvent } from "../../client/src/protocol.ts";
import type { Env } from "../env.ts";
import { summaryOf } from "../machine/summary.ts";
import type { Following, Told } from "../object/index-followers.ts";
import { Refusal } from "./errors.ts";
import { allShards, findPromises } from "./search.ts";
import { cursorText, type SearchAsked } from "./search-query.ts";

export interface FollowedList {
  env: Env;
  url: string;
  asked: SearchAsked;
  /** Whose share of all live lists it takes; absent: nobody's. */
  who?: string | undefined;
  origin: string;
  signal: AbortSignal;
  /** What the caller has heard up to: `at` of an event. */
  resumed?: string | undefined;
}

const KEEP_ALIVE_MS = 15_000;
const RECONNECT_MS_MAX = 5000;

/** Of every shard, the stamp up to which everything was told. */
type Heard = (number | undefined)[];

/** `event:`, `data:` and `id:` of each event. */
export async function listEvents(list: FollowedList): Promise<ReadableStream<Uint8Array>> {
  const encoder = new TextEncoder();
  const following = await Follower.open(list);
  let keepAlive: number | null = null;
  /** The stream has ended already, in another way. */
  let isOver = false;
  const source: UnderlyingSource<Uint8Array> = {
    start(stream: ReadableStreamDefaultController<Uint8Array>) {
      function write(text: string): void {
        if (isOver || following.isStopped) return;
        stream.enqueue(encoder.encode(text));
        // Who does not read comes back to where it was, and its events do not fill the memory of all.
        if ((stream.desiredSize ?? 0) < -LIMITS.listBytesBehindMax) {
          isOver = true;
          following.stop();
          stream.error(new Error("the follower does not read"));
        }
      }
      keepAlive = setInterval(() => write(": keep-alive\n\n"), KEEP_ALIVE_MS);
      following
        .start((event) => {
          const { type, at, ...rest } = event;
          write(`id: ${at}\nevent: ${type}\ndata: ${JSON.stringify(rest)}\n\n`);
        })
        .then(
          () => isOver || stream.close(),
          (error: unknown) => isOver || stream.error(error),
        )
        .finally(() => clearInterval(keepAlive));
    },
    cancel() {
      isOver = true;
      clearInterval(keepAlive);
      following.stop();
    },
  };
  return new ReadableStream(source, new ByteLengthQueuingStrategy({ highWaterMark: 0 }));
}

/** A JSON text each. */
export async function listSocket(list: FollowedList): Promise<WebSocket> {
  const following = await Follower.open(list);
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.addEventListener("message", ({ data }) => {
    if (data === PING) server.send(PONG);
  });
  server.addEventListener("close", () => {
    following.stop();
    server.close();
  });
  server.addEventListener("error", () => following.stop());
  void following
    .start((event) => server.send(JSON.stringify(event)))
    .then(
      () => server.close(1000),
      () => server.close(1011),
    )
    .catch(() => {
      // Closed already.
    });
  return client;
}

class Follower {
  #list: FollowedList;
  #heard: Heard;
  #stopped = new AbortController();
  #signal: AbortSignal;
  #emit: (event: ListEvent) => void = () => {};
  /** The first sockets, opened before the answer begins: until then it can be a refusal. */
  #opened: WebSocket[] = [];
  #failure: { error: unknown } | undefined;
  /** What came before the page did. */
  #held: ListEvent[] | undefined = [];

  private constructor(list: FollowedList) {
    this.#list = list;
    this.#heard = heardOf(list.resumed, allShards(list.env).length);
    this.#signal = AbortSignal.any([list.signal, this.#stopped.signal]);
  }

  static async open(list: FollowedList): Promise<Follower> {
    if (JSON.stringify(list.asked.terms).length > LIMITS.listTermsCharactersMax) {
      const detail = "This search, with the prefixes of its key, is too long to be followed";
      throw new Refusal("invalid_request", detail);
    }
    const follower = new Follower(list);
    const shards = follower.#heard.map((_, shard) => follower.#openSocket(shard));
    follower.#opened = await Promise.all(shards);
    return follower;
  }

  stop(): void {
    this.#stopped.abort();
  }

  get isStopped(): boolean {
    return this.#signal.aborted;
  }

  /** Until it is stopped. @throws where no page could be had, first or later: then nothing is right */
  async start(emit: (event: ListEvent) => void): Promise<void> {
    this.#emit = emit;
    const following = this.#opened.map((socket, shard) => this.#follow(shard, socket));
    if (this.#heard.every((seq) => seq !== undefined)) this.#release();
    else await this.#page().catch((error: unknown) => this.#fail(error));
    await Promise.all(following);
    if (this.#failure) throw this.#failure.error;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.stop();
  }

  async #page(): Promise<void> {
    const { env, asked, url, origin } = this.#list;
    this.#held ??= [];
    const now = Date.now();
    const { found, next, count = 0 } = await findPromises(env, { ...asked, wantsCount: true }, now);
    this.#emit({
      type: "page",
      at: this.#at,
      promises: found.map(({ entry }) => summaryOf(entry, origin)),
      cursor: next ? cursorText(url, next, asked.asOf) : null,
      count,
    });
    this.#release();
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const event of held) this.#emit(event);
  }

  async #follow(shard: number, first: WebSocket): Promise<void> {
    let next: WebSocket | undefined = first;
    for (let failures = 0; !this.#signal.aborted; failures += 1) {
      try {
        const socket = next ?? (await this.#openSocket(shard));
        next = undefined;
        await listen(socket, this.#signal, (told) => {
          failures = 0;
          this.#tell(shard, told);
        });
      } catch {
        // It is moving, or too busy: again, later each time.
      }
      await pause(Math.min(50 * 2 ** failures, RECONNECT_MS_MAX) * Math.random(), this.#signal);
    }
  }

  async #openSocket(shard: number): Promise<WebSocket> {
    const since = this.#heard[shard];
    const { asked, who } = this.#list;
    const following: Following = {
      terms: asked.terms,
      ...(since !== undefined && { since }),
      ...(who !== undefined && { who }),
    };
    const query = encodeURIComponent(JSON.stringify(following));
    const response = await allShards(this.#list.env)[shard]!.fetch(
      `https://index/?following=${query}`,
      { headers: { upgrade: "websocket" } },
    );
    if (response.webSocket) return response.webSocket;
    throw new Refusal("too_many_awaiters", "As many lists are followed live as may be", {
      headers: { "retry-after": "5" },
    });
  }

  #tell(shard: number, told: Told): void {
    this.#heard[shard] = told.seq;
    switch (told.is) {
      case "open":
        return;
      case "gap":
        if (this.#held === undefined)
          void this.#page().catch((error: unknown) => this.#fail(error));
        return;
      case "removed":
        return this.#send({ type: "removed", at: this.#at, id: told.id });
      case "added":
      case "changed": {
        const promise = summaryOf(told.entry, this.#list.origin);
        return this.#send({ type: told.is, at: this.#at, promise });
      }
      default:
        return told satisfies never;
    }
  }

  #send(event: ListEvent): void {
    if (this.#held) this.#held.push(event);
    else this.#emit(event);
  }

  get #at(): string {
    return this.#heard.map((seq) => seq?.toString(36) ?? "").join(".");
  }
}

/** What makes no sense counts as nothing heard: the list begins anew. */
function heardOf(text: string | undefined, shards: number): Heard {
  const parts = text?.split(".") ?? [];
  const seqs = parts.map((part) => (/^[\da-z]{1,11}$/.test(part) ? parseInt(part, 36) : undefined));
  if (seqs.length !== shards || seqs.some((seq) => !Number.isSafeInteger(seq))) {
    return Array.from({ length: shards }, () => undefined);
  }
  return seqs;
}

/** Until the line breaks or the signal stops it. */
function listen(
  socket: WebSocket,
  signal: AbortSignal,
  onTold: (told: Told) => void,
): Promise<void> {
  return new Promise((resolve) => {
    function stop(): void {
      signal.removeEventListener("abort", stop);
      try {
        socket.close(1000);
      } catch {
        // Closed already.
      }
      resolve();
    }
    socket.addEventListener("message", ({ data }) => {
      // SAFETY: a shard of ours has written it.
      onTold(JSON.parse(String(data)) as Told);
    });
    socket.addEventListener("close", stop);
    socket.addEventListener("error", stop);
    signal.addEventListener("abort", stop);
    socket.accept();
    if (signal.aborted) stop();
  });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await scheduler.wait(ms, { signal });
  } catch {
    // Stopped; the loop sees the signal.
  }
}
