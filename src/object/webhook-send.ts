/**
 * One attempt at a webhook: one POST under the policy of machine/webhook-url.ts, asked at every send,
 * because the policy and the URL may have changed. Follows no redirect, waits ten seconds for all of
 * it, reads so much of the answer and no more. Never throws; what comes of it is judged elsewhere.
 */
import { LIMITS } from "../../client/src/protocol.ts";
import type { Failure, Outcome } from "../machine/delivery.ts";
import { faultOfUrl } from "../machine/webhook-url.ts";

const TIMEOUT_MS = 10_000;

export interface Message {
  url: string;
  headers: Record<string, string>;
  body: string;
}

export interface Attempt {
  outcome: Outcome;
  at: number;
  ms: number;
  /** How the answer begins. */
  answer: string;
}

export async function sendWebhook(
  { url, headers, body }: Message,
  { loopback }: { loopback: boolean },
): Promise<Attempt> {
  const at = Date.now();
  const ended = (outcome: Outcome, answer = ""): Attempt => ({
    outcome,
    at,
    ms: Date.now() - at,
    answer,
  });
  if (faultOfUrl(url, { loopback }) !== undefined) return ended(failed("refused"));
  const limit = new AbortController();
  // Not `AbortSignal.timeout`: that keeps the object awake until the time is up, sent or not.
  const timer = setTimeout(() => limit.abort(), TIMEOUT_MS);
  try {
    const init = { method: "POST", headers, body, redirect: "manual" } as const;
    const response = await fetch(url, { ...init, signal: limit.signal });
    const { status } = response;
    const retryAfter = response.headers.get("retry-after");
    // The status is the answer: what becomes of the rest does not take it back.
    const answer = response.body ? await beginningOf(response.body, limit.signal) : "";
    return ended({ kind: "answered", status, retryAfter }, answer);
  } catch {
    return ended(failed(limit.signal.aborted ? "timeout" : "network"));
  } finally {
    clearTimeout(timer);
  }
}

function failed(failure: Failure): Outcome {
  return { kind: "failed", failure };
}

/** Never throws: a line that breaks, or drips until the time is up, has said what has come. */
async function beginningOf(body: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<string> {
  const reader = body.getReader();
  const kept = new Uint8Array(LIMITS.webhookAnswerKeptBytesMax);
  let size = 0;
  const late = new Promise<undefined>((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined));
  });
  try {
    while (size < LIMITS.webhookAnswerBytesMax) {
      const chunk = (await Promise.race([reader.read(), late]))?.value;
      if (!chunk) break;
      kept.set(chunk.subarray(0, Math.max(0, kept.length - size)), Math.min(size, kept.length));
      size += chunk.length;
    }
  } catch {
    // Closed in the middle.
  }
  // Closed or not: who sends for ever is not listened to. What cancelling says is of no interest.
  reader.cancel().catch(() => undefined);
  return new TextDecoder().decode(kept.subarray(0, Math.min(size, kept.length)));
}
