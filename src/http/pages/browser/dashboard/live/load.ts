/**
 * Something asked of the server by a component: asked when it appears or when what it depends on
 * changes, asked again on demand, and let go of with it. What was there stays while it is asked again.
 */
import { useLayoutEffect, useRef, useState } from "hono/jsx/dom";

export interface Loaded<T> {
  data: T | undefined;
  error: unknown;
  isLoading: boolean;
  reload: () => void;
}

export function useLoad<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  dependencies: readonly unknown[],
): Loaded<T> {
  const [turn, setTurn] = useState(0);
  const [state, setState] = useState<Omit<Loaded<T>, "reload">>({
    data: undefined,
    error: undefined,
    isLoading: true,
  });
  const latest = useRef(ask);
  latest.current = ask;
  useLayoutEffect(() => {
    const stop = new AbortController();
    setState((before) => ({ ...before, isLoading: true }));
    latest.current?.(stop.signal).then(
      (data) => stop.signal.aborted || setState({ data, error: undefined, isLoading: false }),
      (error: unknown) =>
        stop.signal.aborted || setState((before) => ({ ...before, error, isLoading: false })),
    );
    return () => stop.abort();
  }, [turn, ...dependencies]);
  return { ...state, reload: () => setTurn((turn) => turn + 1) };
}
