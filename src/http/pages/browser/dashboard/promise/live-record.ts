/**
 * One promise, followed while somebody looks: its record as it stands, and the text it came as, of
 * which what was asked and answered is shown to the letter. That something happened is heard on the
 * client's own watch; what there is now is then read as text.
 */
import { isNotFoundError } from "../../../../../../client/src/errors.ts";
import { promisePath } from "../../../../../../client/src/id.ts";
import type { PromiseRecord } from "../../../../../../client/src/protocol.ts";
import { askText } from "../api/ask.ts";
import { promises } from "../api/promises.ts";
import { isForbidden } from "../format/fault.ts";
import { Store } from "../live/store.ts";

export type LiveRecord =
  | { status: "connecting" }
  /** Nobody has created it yet. */
  | { status: "absent" }
  | { status: "here"; record: PromiseRecord; text: string }
  /** It was removed while we looked. */
  | { status: "gone" }
  | { status: "refused"; error: unknown };

const ASK_AGAIN_MS = 5000;

/** @returns how to stop */
export function followRecord(id: string, store: Store<LiveRecord>): () => void {
  const stop = new AbortController();
  void follow(id, store, stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) store.set({ status: "refused", error });
  });
  return () => stop.abort();
}

async function follow(id: string, store: Store<LiveRecord>, signal: AbortSignal): Promise<void> {
  try {
    for await (const frame of promises.watch(id, { signal })) {
      if (frame.type === "absent") store.set({ status: "absent" });
      else if (frame.type === "disposed") store.set({ status: "gone" });
      else if (frame.type !== "error") await read(id, store, signal);
    }
  } catch (error) {
    if (signal.aborted || !isForbidden(error)) throw error;
    // Who may look but not be told looks again and again.
    while (!signal.aborted) {
      await read(id, store, signal);
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }
}

async function read(id: string, store: Store<LiveRecord>, signal: AbortSignal): Promise<void> {
  try {
    const text = await askText(promisePath(id), { signal });
    // SAFETY: our own server's word for its records.
    store.set({ status: "here", record: JSON.parse(text) as PromiseRecord, text });
  } catch (error) {
    if (isNotFoundError(error)) store.set({ status: "gone" });
    else throw error;
  }
}
