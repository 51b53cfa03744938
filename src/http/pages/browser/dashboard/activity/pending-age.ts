/** How long what is pending has been waiting: counted by searches, a span of ages each. */
import { promises } from "../api/promises.ts";

export interface AgeSpan {
  name: string;
  count: number;
}

const SPANS: { name: string; from?: string; to?: string }[] = [
  { name: "up to 1 min", from: "-1m" },
  { name: "up to 10 min", from: "-10m", to: "-1m" },
  { name: "up to 1 hour", from: "-1h", to: "-10m" },
  { name: "up to 1 day", from: "-1d", to: "-1h" },
  { name: "up to 1 week", from: "-7d", to: "-1d" },
  { name: "more than 1 week", to: "-7d" },
];

export function countAges(signal: AbortSignal): Promise<AgeSpan[]> {
  return Promise.all(
    SPANS.map(async ({ name, from, to }) => {
      const query = {
        state: "pending",
        count: true,
        limit: 1,
        view: "summary",
        ...(from !== undefined && { createdAfter: from }),
        ...(to !== undefined && { createdBefore: to }),
      } as const;
      const { count = 0 } = await promises.search(query, { signal }).page();
      return { name, count };
    }),
  );
}
