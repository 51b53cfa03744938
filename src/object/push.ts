/**
 * A message to a worker or listener that has an address of its own: one POST, under the policy of
 * machine/webhook-url.ts at every send, because a name may point elsewhere by then. Follows no
 * redirect, sends no credentials, reads nothing but the status.
 */
import { faultOfUrl } from "../machine/webhook-url.ts";

const TIMEOUT_MS = 10_000;

/** @returns whether it was taken (2xx) */
export async function push(url: string, text: string, loopback: boolean): Promise<boolean> {
  if (faultOfUrl(url, { loopback }) !== undefined) return false;
  // Not `AbortSignal.timeout`: its timer goes on after the answer and keeps the object awake.
  const slow = new AbortController();
  const timer = setTimeout(() => slow.abort(), TIMEOUT_MS);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: text,
      redirect: "manual",
      signal: slow.signal,
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    // Nobody there, or too slow: tried again when it is due.
    return false;
  } finally {
    clearTimeout(timer);
  }
}
