/**
 * The React entry, `durable-promises/react`: one hook, live state and settling in one. React itself
 * is whoever's app this is in; how a promise is followed is `live-promise.ts`'s, which knows no React.
 */
import { useMemo, useSyncExternalStore } from "react";
import { DurablePromises } from "./client.ts";
import { checkId } from "./id.ts";
import { CONNECTING, knownPromise, type LiveState, livePromise } from "./live-promise.ts";
import type { Json, PromiseRecord } from "./protocol.ts";

export type { LiveState } from "./live-promise.ts";

export interface UsePromiseOptions {
  /** Made once, outside of components: another client is another line. @default one for `url` */
  client?: DurablePromises;
  /** @default the client's: `DURABLE_PROMISES_URL`, else `http://127.0.0.1:8787` */
  url?: string;
}

/**
 * Each is sent once, however often a button is clicked: while one is on its way, another call returns
 * it. The promise that comes back rejects with what the client throws; who ignores it finds the same
 * in `error`, and no unhandled rejection.
 */
export interface SettleActions<T = Json> {
  resolve(value?: T): Promise<PromiseRecord<T>>;
  reject(reason?: unknown): Promise<PromiseRecord>;
  cancel(reason?: unknown): Promise<PromiseRecord>;
}

export type UsedPromise<T = Json> = LiveState<T> & SettleActions<T>;

/**
 * A durable promise in a component: how it stands, kept up to date without polling, and the means to
 * settle it. All components that ask for the same id share one line; it closes with the last of them.
 * Never throws and never suspends: what is wrong is in `status` and `error`.
 *
 * @throws TypeError or RangeError for what cannot be an id, or a `url`.
 * @example
 * function Approval({ id }: { id: string }) {
 *   const { status, value, error, resolve, reject, settling } = usePromise<{ by: string }>(id);
 *   if (status === "resolved") return <p>Approved by {value.by}</p>;
 *   if (status === "rejected") return <p>{error.message}</p>;
 *   if (status !== "pending") return <p>…</p>;
 *   return (
 *     <button disabled={settling} onClick={() => resolve({ by: "ada" })}>
 *       Approve
 *     </button>
 *   );
 * }
 */
export function usePromise<T = Json>(id: string, options: UsePromiseOptions = {}): UsedPromise<T> {
  const { client: given, url } = options;
  const { subscribe, getSnapshot, actions } = useMemo(() => {
    const client = given ?? clientAt(url);
    return lineTo(client, checkId(id));
  }, [given, url, id]);
  const state = useSyncExternalStore(subscribe, getSnapshot, getServerSnapshot);
  // SAFETY: the caller's type argument is a claim about its own data, as in JSON.
  return { ...state, ...actions } as UsedPromise<T>;
}

/** What was rendered on a server hears nothing: it connects where it is shown. */
function getServerSnapshot(): LiveState {
  return CONNECTING;
}

/** Rendering makes nothing that would have to be cleaned up: a render may never be shown. */
function lineTo(client: DurablePromises, id: string) {
  return {
    subscribe: (onChange: () => void) => livePromise(client, id).subscribe(onChange),
    getSnapshot: () => knownPromise(client, id)?.state ?? CONNECTING,
    actions: {
      resolve: (value?: unknown) => livePromise(client, id).settle("resolve", value),
      reject: (reason?: unknown) => livePromise(client, id).settle("reject", reason),
      cancel: (reason?: unknown) => livePromise(client, id).settle("cancel", reason),
    },
  };
}

const clients = new Map<string | undefined, DurablePromises>();

/** An app has one or two servers. */
function clientAt(url: string | undefined): DurablePromises {
  const known = clients.get(url);
  if (known) return known;
  const client = new DurablePromises(url === undefined ? {} : { url });
  clients.set(url, client);
  return client;
}
