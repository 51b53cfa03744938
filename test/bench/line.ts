/**
 * One connection to a server: HTTP/1.1 with keep-alive, one request at a time, or a WebSocket after
 * an upgrade. Raw sockets, because the load generator shares the machine with what it measures and
 * Node's own clients cost as much per request as the servers do. Understands no more than it meets.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface Answer {
  status: number;
  body: string;
}

/** A complete message in what has been received, and the bytes that it took. */
interface Parsed<T> {
  value: T;
  end: number;
}

const HEAD_END = "\r\n\r\n";
const LAST_CHUNK = "0\r\n\r\n";

export class Line {
  #socket: Socket;
  #port: number;
  #received: Buffer = Buffer.alloc(0);
  #answered: ((answer: Answer) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;
  #onFrame: (() => void) | undefined;
  #onFailure: ((error: Error) => void) | undefined;

  private constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.#port = port;
    socket.setNoDelay(true);
    socket.on("data", (bytes) => this.#take(bytes));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the server closed the connection")));
  }

  static async open(port: number): Promise<Line> {
    const socket = connect({ port, host: "127.0.0.1" });
    await once(socket, "connect");
    return new Line(socket, port);
  }

  request(method: string, path: string, body = ""): Promise<Answer> {
    const content =
      body === ""
        ? ""
        : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`;
    return this.#send(
      `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1:${this.#port}\r\n${content}\r\n${body}`,
    );
  }

  /** Turns the connection into a WebSocket; `onFrame` is told of every text message. */
  async upgrade(
    path: string,
    onFrame: () => void,
    onFailure: (error: Error) => void,
  ): Promise<void> {
    this.#onFrame = onFrame;
    this.#onFailure = onFailure;
    const { status, body } = await this.#send(
      `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${this.#port}\r\nupgrade: websocket\r\n` +
        "connection: Upgrade\r\nsec-websocket-version: 13\r\n" +
        "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    if (status !== 101) throw new Error(`upgrade of ${path} answered ${status}: ${body}`);
  }

  /** Ends the connection without a closing handshake. */
  end(): void {
    this.#failed = undefined;
    this.#onFailure = undefined;
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    this.#failed?.(error);
    this.#onFailure?.(error);
  }

  #send(text: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
      this.#socket.write(text);
    });
  }

  #take(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    if (this.#answered) {
      const answer = parseAnswer(this.#received);
      if (!answer) return;
      this.#received = this.#received.subarray(answer.end);
      const answered = this.#answered;
      this.#answered = undefined;
      answered(answer.value);
    }
    for (;;) {
      const frame = this.#onFrame && parseFrame(this.#received);
      if (!frame) return;
      this.#received = this.#received.subarray(frame.end);
      if (frame.value) this.#onFrame?.();
    }
  }
}

function parseAnswer(bytes: Buffer): Parsed<Answer> | undefined {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const head = bytes.toString("latin1", 0, headEnd);
  const start = headEnd + HEAD_END.length;
  const status = Number(head.slice(9, 12));
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
    const last = bytes.indexOf(LAST_CHUNK, start);
    if (last < 0) return undefined;
    return {
      value: { status, body: bytes.toString("utf8", start, last) },
      end: last + LAST_CHUNK.length,
    };
  }
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  const end = start + length;
  if (bytes.length < end) return undefined;
  return { value: { status, body: bytes.toString("utf8", start, end) }, end };
}

/** Frames are unmasked and hold a message each, as workerd sends them. The value: is it text? */
function parseFrame(bytes: Buffer): Parsed<boolean> | undefined {
  if (bytes.length < 2) return undefined;
  const isText = (bytes.readUInt8(0) & 0x0f) === 1;
  const short = bytes.readUInt8(1) & 0x7f;
  const start = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (bytes.length < start) return undefined;
  const length =
    short === 126
      ? bytes.readUInt16BE(2)
      : short === 127
        ? Number(bytes.readBigUInt64BE(2))
        : short;
  const end = start + length;
  return bytes.length < end ? undefined : { value: isText, end };
}
