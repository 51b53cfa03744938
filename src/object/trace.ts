/**
 * Spans of what an object does by itself, for who has set TRACE (see http/trace.ts); the calls between
 * objects the runtime traces on its own.
 */
import { tracing } from "cloudflare:workers";
import { readConfig, type Env } from "../env.ts";

type Attributes = Record<string, string | number | boolean | undefined>;

/** @param attributes of what came of it, asked only where somebody will see them */
export function traced<T>(
  env: Env,
  name: string,
  work: () => T,
  attributes: (came: Awaited<T>) => Attributes,
): T {
  // Older runtimes have none, whatever the types say.
  if (!readConfig(env).trace || !(tracing as Tracing | undefined)) return work();
  return tracing.enterSpan(name, (span) => {
    const came = work();
    const note = (it: Awaited<T>): void => {
      if (span.isTraced) span.setAttributes(attributes(it));
    };
    if (came instanceof Promise) void came.then(note, () => undefined);
    // SAFETY: it is no promise, so it is what it is awaited to.
    else note(came as Awaited<T>);
    return came;
  });
}
