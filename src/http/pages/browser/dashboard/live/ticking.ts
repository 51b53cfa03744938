/** A text that changes with time: worked out every second, drawn again only when it reads otherwise. */
import { useLayoutEffect, useState } from "hono/jsx/dom";
import { now } from "./clock.ts";

export function useTicking(
  textAt: (now: number) => string,
  dependencies: readonly unknown[],
): string {
  const [, setText] = useState("");
  useLayoutEffect(() => now.subscribe(() => setText(textAt(now.value))), dependencies);
  return textAt(now.value);
}
