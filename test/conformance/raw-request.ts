/**
 * Requests that no well-behaved client would send: bytes on a TCP connection as they are, headers
 * twice, a foreign Host. `fetch` normalises all of these away.
 */
import { request } from "node:http";
import { connect } from "node:net";
import type { Answer, Service } from "./service.ts";

/** Sends the bytes as they are and reads one answer. */
export function rawRequest(
  service: Service,
  method: string,
  target: string,
  body = "",
  headers: Record<string, string> = {},
): Promise<Answer> {
  const lines = [
    `${method} ${target} HTTP/1.1`,
    `host: 127.0.0.1:${service.port}`,
    "connection: close",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(body === ""
      ? []
      : ["content-type: application/json", `content-length: ${Buffer.byteLength(body)}`]),
  ];
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(service.port, "127.0.0.1");
    socket.setTimeout(10_000, () => socket.destroy(new Error(`no answer to ${method} ${target}`)));
    const whole = (): string => Buffer.concat(chunks).toString("latin1");
    const finish = (): void => {
      socket.destroy();
      resolve(parseAnswer(Buffer.concat(chunks).toString("utf8")));
    };
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      // The server may keep the connection open; the length says when the answer is complete.
      const split = whole().indexOf("\r\n\r\n");
      const length = /\r\ncontent-length: *(\d+)/i.exec(whole().slice(0, split))?.[1];
      if (split >= 0 && length !== undefined && whole().length >= split + 4 + Number(length))
        finish();
    });
    socket.on("error", reject);
    socket.on("end", finish);
    socket.write(`${lines.join("\r\n")}\r\n\r\n${body}`);
  });
}

function parseAnswer(whole: string): Answer {
  const split = whole.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = whole.slice(0, split).split("\r\n");
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { status: Number(statusLine.split(" ")[1]), headers, text: whole.slice(split + 4) };
}

export interface NodeRequest {
  /** A list sends the header several times. */
  headers?: Record<string, string | string[]>;
  body?: string;
  /** Send the body in chunks, without saying how long it will be. */
  chunked?: boolean;
}

/** A request by `node:http`, which lets us repeat headers, set Host and choose the framing. */
export function nodeRequest(
  service: Service,
  method: string,
  path: string,
  { headers = {}, body, chunked = false }: NodeRequest = {},
): Promise<Answer> {
  const framing: Record<string, string> =
    body === undefined
      ? {}
      : chunked
        ? { "transfer-encoding": "chunked" }
        : { "content-length": String(Buffer.byteLength(body)) };
  const type: Record<string, string> =
    body === undefined ? {} : { "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: "127.0.0.1",
        port: service.port,
        method,
        path,
        agent: false,
        headers: { ...type, ...framing, ...headers },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", reject);
        incoming.on("end", () => {
          const answered = new Headers();
          for (const [name, value] of Object.entries(incoming.headers)) {
            for (const one of [value ?? []].flat()) answered.append(name, one);
          }
          resolve({
            status: incoming.statusCode ?? 0,
            headers: answered,
            text: Buffer.concat(chunks).toString("utf8"),
          });
        });
      },
    );
    outgoing.on("error", reject);
    if (body === undefined) outgoing.end();
    else if (!chunked) outgoing.end(body);
    else {
      for (let at = 0; at < body.length; at += 65_536) outgoing.write(body.slice(at, at + 65_536));
      outgoing.end();
    }
  });
}
