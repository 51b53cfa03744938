/** Resonate's SDK as it comes, connected: who comes late would be waited for in the first row. */
import { Resonate } from "@resonatehq/sdk";

/** Where the worker process takes its work from, and what it can do. */
export const WORKERS = "bench-workers";

const CONNECTED_MS_MAX = 10_000;

export function connectSdk(url: string, group: string): Promise<Resonate> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${url} takes no worker`)), CONNECTED_MS_MAX);
    const resonate = new Resonate({
      url,
      group,
      logger: {
        debug: () => {},
        // The only sign of it that the SDK gives.
        info(_fields, message) {
          if (message !== "adapter connected") return;
          clearTimeout(late);
          resolve(resonate);
        },
        warn: (fields, message) => console.error(message, fields),
        error: (fields, message) => console.error(message, fields),
      },
    });
  });
}
