/**
 * A proxy between the command line and a server that can end or hold an answer after so many lines of
 * it: what a line that breaks, or goes dead, in the middle of an export or an import looks like.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export interface Asked {
  method: string;
  path: string;
  body: string;
}

/** What becomes of an answer: all of it is passed on; or it breaks, or nothing more comes, after a line. */
export type Fate = { breaksAfter: number } | { stopsAfter: number } | "whole";

export interface Between extends AsyncDisposable {
  url: string;
  /** What was asked, in order, but for what `fateOf` has not been asked about. */
  asked: Asked[];
}

/** @param fateOf of each request, by how many there were before it */
export async function startBetween(
  target: string,
  fateOf: (asked: Asked, before: number) => Fate,
): Promise<Between> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const { method = "GET", url: path = "", headers } = request;
      const body = (await buffer(request)).toString();
      const call = { method, path, body };
      const fate = fateOf(call, asked.length);
      asked.push(call);
      const answer = await fetch(target + path, {
        method,
        headers: {
          accept: headers.accept ?? "",
          "content-type": headers["content-type"] ?? "",
        },
        ...(body !== "" && { body }),
      });
      response.writeHead(answer.status, {
        "content-type": answer.headers.get("content-type") ?? "",
      });
      if (fate === "whole") return void response.end(await answer.text());
      const lines = (await answer.text()).split("\n");
      const [count, breaks] =
        "breaksAfter" in fate ? [fate.breaksAfter, true] : [fate.stopsAfter, false];
      // Once it is sure to be on its way.
      response.write(
        lines
          .slice(0, count)
          .map((line) => `${line}\n`)
          .join(""),
        () => {
          if (breaks) setTimeout(() => response.destroy(), 50);
        },
      );
    })().catch(() => response.destroy());
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
