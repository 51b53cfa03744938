/**
 * Three ways to send a call within the limits of its caller: repeated when the line breaks, once
 * because a repetition would do the thing twice, and a removal, of which a repetition finds nothing.
 */
import { isApiError } from "./errors.ts";
import { type CallOptions, callTimeoutMs, type Target } from "./options.ts";
import type { ErrorCode } from "./protocol.ts";
import { type Call, judge, request, type Verdict } from "./transport.ts";

/** For what may be repeated: reading, and writing that carries a key or comes to the same. */
export function send(
  target: Target,
  call: Call,
  options: CallOptions,
  verdictOn: typeof judge = judge,
): Promise<Verdict> {
  const timeoutMs = callTimeoutMs(options.timeout, target.timeoutMs);
  return request(target, call, { signal: options.signal, timeoutMs }, verdictOn);
}

/**
 * For what nobody can tell from its repetition. Only "too many requests" is tried again: then nothing
 * has happened. After a broken line it may have.
 */
export function sendOnce(target: Target, call: Call, options: CallOptions): Promise<Verdict> {
  const { retry } = target;
  const shouldRetry = (error: unknown, attempt: number) =>
    isApiError(error) && error.status === 429 && retry.shouldRetry(error, attempt);
  return send({ ...target, retry: { ...retry, shouldRetry } }, call, options);
}

/** @param gone the code that says that there is nothing to remove */
export async function sendDelete(
  target: Target,
  path: string,
  options: CallOptions,
  gone: ErrorCode,
): Promise<void> {
  const { retry } = target;
  let repeated = false;
  const shouldRetry = (error: unknown, attempt: number) => {
    const again = retry.shouldRetry(error, attempt);
    repeated ||= again;
    return again;
  };
  try {
    await send(
      { ...target, retry: { ...retry, shouldRetry } },
      { method: "DELETE", path },
      options,
    );
  } catch (error) {
    // Not there on the second attempt: the first one did it, and its answer was lost.
    if (!(repeated && isApiError(error) && error.code === gone)) throw error;
  }
}
