/** Asks again every so often, while somebody looks. For figures that nobody sends by themselves. */
import { useLayoutEffect, useRef } from "hono/jsx/dom";

export function useAgain(act: () => void, everyMs: number): void {
  const latest = useRef(act);
  latest.current = act;
  useLayoutEffect(() => {
    const timer = setInterval(() => document.hidden || latest.current?.(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
}
