/** A connected worker without an SDK: one connection of `/poll`, and what comes on it. */
import { request } from "node:http";

export interface PollLine {
  end(): void;
}

/** Resolves when the server has taken the worker in. */
export function openPollLine(
  port: number,
  group: string,
  pid: string,
  onMessage: (text: string) => void,
): Promise<PollLine> {
  return new Promise((resolve, reject) => {
    const call = request({ port, host: "127.0.0.1", path: `/poll/${group}/${pid}`, agent: false });
    call.once("error", reject);
    call.once("response", (response) => {
      if (response.statusCode !== 200) {
        call.destroy();
        return reject(new Error(`/poll answered ${response.statusCode}`));
      }
      let received = "";
      response.setEncoding("utf8");
      response.on("error", () => {}); // Ended from here.
      response.on("data", (text: string) => {
        const events = (received + text).split("\n\n");
        received = events.pop() ?? "";
        for (const event of events) if (event.startsWith("data: ")) onMessage(event.slice(6));
      });
      resolve({ end: () => call.destroy() });
    });
    call.end();
  });
}

/** Opens many, a few at a time, as a burst of connections would time out on a small backlog. */
export async function openPollLines(
  count: number,
  open: (index: number) => Promise<PollLine>,
): Promise<PollLine[]> {
  const lines: PollLine[] = [];
  while (lines.length < count) {
    const room = Math.min(16, count - lines.length);
    const first = lines.length;
    lines.push(
      ...(await Promise.all(Array.from({ length: room }, (_, index) => open(first + index)))),
    );
  }
  return lines;
}
