/**
 * What needs its element in the document: focus, a dialog, a measure. A layout effect of a component
 * that appears inside another runs before the outer one is in the document (hono 4.13), and an
 * ordinary effect only with the next frame, which a hidden page never has.
 */
import { useLayoutEffect } from "hono/jsx/dom";

export function useAfterMount(
  act: () => void | (() => void),
  dependencies: readonly unknown[],
): void {
  useLayoutEffect(() => {
    let isGone = false;
    let undo: void | (() => void);
    queueMicrotask(() => {
      if (!isGone) undo = act();
    });
    return () => {
      isGone = true;
      undo?.();
    };
  }, dependencies);
}
