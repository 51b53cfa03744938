/**
 * One who follows a search as a live list, as event stream or as WebSocket, and keeps the list by
 * what the events say and nothing else. Events are taken one by one, so that a line can be dropped
 * between any two of them; what had come and was not taken is lost with the line, as in a crash.
 */
import { createParser } from "eventsource-parser";
import {
  BEARER_SUBPROTOCOL_PREFIX,
  SUBPROTOCOL,
  type ListEvent,
  type PromiseSummary,
} from "../../client/src/protocol.ts";
import { inTime } from "./awaiter.ts";
import { pathOf, type Finder, type Parameters } from "./finding.ts";

export const LINES = ["event stream", "WebSocket"] as const;
export type Line = (typeof LINES)[number];

/** How the last event's id is sent on an event stream; on a WebSocket there is one way only. */
export type ResumeBy = "header" | "parameter";

/** Thrown when the server does not let anybody follow. */
export class NotFollowed extends Error {
  readonly status: number;
  readonly text: string;

  constructor(status: number, text: string) {
    super(`not followed: ${status} ${text}`);
    this.status = status;
    this.text = text;
  }
}

interface Sink {
  put(event: ListEvent): void;
  end(): void;
}

export class Follower {
  readonly line: Line;
  readonly parameters: Parameters;
  /** The list as the events have it. */
  readonly found = new Map<string, PromiseSummary>();
  /** The `at` of the last event that was taken. */
  at: string | undefined;
  /** How often the list began anew. */
  pages = 0;
  /** What the server has answered the opening with. */
  protocol: string | undefined;
  headers: Headers | undefined;
  readonly #finder: Finder;
  #events: ListEvent[] = [];
  #hasEnded = true;
  #wake: () => void = () => {};
  #hangUp: () => void = () => {};
  /** Resolved while the stream is read. */
  #reading = Promise.resolve();
  #readOn: () => void = () => {};

  constructor(finder: Finder, line: Line, parameters: Parameters) {
    this.#finder = finder;
    this.line = line;
    this.parameters = parameters;
  }

  static async open(finder: Finder, line: Line, parameters: Parameters): Promise<Follower> {
    const follower = new Follower(finder, line, parameters);
    await follower.connect();
    return follower;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Opens a line; with the `at` of what was taken last, if there is one. */
  async connect(by: ResumeBy = "header"): Promise<void> {
    this.drop();
    this.#hasEnded = false;
    const events: ListEvent[] = [];
    this.#events = events;
    const sink: Sink = {
      put: (event) => {
        events.push(event);
        if (this.#events === events) this.#wake();
      },
      end: () => {
        if (this.#events !== events) return;
        this.#hasEnded = true;
        this.#wake();
      },
    };
    try {
      if (this.line === "WebSocket") await this.#openSocket(sink);
      else await this.#openStream(sink, by);
    } catch (error) {
      this.#hasEnded = true;
      throw error;
    }
  }

  /** Leaves without a word; what was not taken is lost. */
  drop(): void {
    this.#hangUp();
    this.#hangUp = () => {};
    this.#events = [];
    this.#hasEnded = true;
  }

  /** Reads no more of the stream, until `resume`: what comes meanwhile is the server's burden. */
  pause(): void {
    this.#reading = new Promise((resolve) => (this.#readOn = resolve));
  }

  resume(): void {
    this.#readOn();
  }

  /** The next event if it has come, applied to the list. */
  take(): ListEvent | undefined {
    const event = this.#events.shift();
    if (event !== undefined) this.#apply(event);
    return event;
  }

  /** The next event, waited for and applied. */
  async next(what: string, ms?: number): Promise<ListEvent> {
    for (;;) {
      const event = this.take();
      if (event !== undefined) return event;
      if (this.#hasEnded) throw new Error(`the line has ended: ${what}`);
      await inTime(new Promise<void>((resolve) => (this.#wake = resolve)), what, ms);
    }
  }

  /** Takes events until one fits; all of them. */
  async until(fits: (event: ListEvent) => boolean, what: string): Promise<ListEvent[]> {
    const taken: ListEvent[] = [];
    do taken.push(await this.next(what));
    while (!taken.slice(-1).every(fits));
    return taken;
  }

  #apply(event: ListEvent): void {
    this.at = event.at;
    switch (event.type) {
      case "page":
        this.pages += 1;
        this.found.clear();
        for (const promise of event.promises) this.found.set(promise.id, promise);
        return;
      case "removed":
        this.found.delete(event.id);
        return;
      default:
        this.found.set(event.promise.id, event.promise);
    }
  }

  async #openStream(sink: Sink, by: ResumeBy): Promise<void> {
    const { service, headers } = this.#finder;
    const controller = new AbortController();
    const resume = this.at === undefined ? {} : { "last-event-id": this.at };
    const parameters = by === "header" ? this.parameters : this.#resumed();
    this.#hangUp = () => controller.abort();
    const response = await inTime(
      fetch(service.url + pathOf(parameters), {
        headers: { accept: "text/event-stream", ...headers, ...(by === "header" && resume) },
        signal: controller.signal,
      }),
      "the opening of a stream",
    );
    if (response.status !== 200) throw new NotFollowed(response.status, await response.text());
    this.headers = response.headers;
    const parser = createParser({
      onEvent: ({ event, data, id }) => {
        // SAFETY: what the event really is, is what the test goes on to assert.
        sink.put({ type: event, at: id, ...(JSON.parse(data) as object) } as ListEvent);
      },
    });
    void (async () => {
      const decoder = new TextDecoder();
      try {
        for await (const chunk of response.body ?? []) {
          parser.feed(decoder.decode(chunk, { stream: true }));
          await this.#reading;
        }
      } catch {
        // Dropped by the test, or by a server that was killed; both are an end.
      }
      sink.end();
    })();
  }

  async #openSocket(sink: Sink): Promise<void> {
    const { service, headers } = this.#finder;
    const key = headers["authorization"]?.replace("Bearer ", BEARER_SUBPROTOCOL_PREFIX);
    const address = service.url.replace(/^http/, "ws") + pathOf(this.#resumed());
    const socket = new WebSocket(address, [SUBPROTOCOL, ...(key === undefined ? [] : [key])]);
    this.#hangUp = () => socket.close();
    // SAFETY: as above.
    socket.addEventListener("message", ({ data }) => sink.put(JSON.parse(data) as ListEvent));
    socket.addEventListener("close", () => sink.end());
    await inTime(
      new Promise<void>((resolve, reject) => {
        socket.addEventListener("open", () => resolve());
        socket.addEventListener("error", () => reject(new NotFollowed(0, "no WebSocket")));
      }),
      "the opening of a WebSocket",
    );
    this.protocol = socket.protocol;
  }

  #resumed(): Parameters {
    return this.at === undefined ? this.parameters : [...this.parameters, ["lastEventId", this.at]];
  }
}
