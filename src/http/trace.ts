/**
 * A span for a request, with what is known of it: for who has set TRACE, where the runtime takes
 * traces (Cloudflare with `[observability.traces]`). Calls to objects get theirs from the runtime.
 *
 * Off unless asked for: the runtime carries an active span along through every promise, and that
 * costs a read 8 of its 110 µs of CPU also where nobody samples it (2026-11-26).
 */
import type { Passage } from "./passage.ts";
import { factsOf } from "./request-facts.ts";

/** @param work what the span is of */
export function traced(
  { tracing }: { tracing?: Tracing },
  request: Request,
  passage: Passage,
  work: () => Response | Promise<Response>,
): Response | Promise<Response> {
  if (!tracing) return work();
  return tracing.enterSpan("edge", async (span) => {
    const response = await work();
    if (span.isTraced) span.setAttributes(factsOf(passage, request, response));
    return response;
  });
}
