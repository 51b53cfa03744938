/** Who waits for a promise at this moment: sockets, listeners and tasks, asked again now and then. */
import { useLayoutEffect } from "hono/jsx/dom";
import { promisePath } from "../../../../../../client/src/id.ts";
import type { Awaiters as Waiting } from "../../../../../../client/src/protocol.ts";
import { ask } from "../api/ask.ts";
import { useLoad } from "../live/load.ts";
import { IdText } from "../parts/id.tsx";
import { promiseHref } from "../places.ts";

const ASK_AGAIN_MS = 5000;
const SHOWN_MAX = 50;

export function Awaiters({ id, isPending }: { id: string; isPending: boolean }) {
  const path = promisePath(id).replace("/promises/", "/awaiters/");
  const { data, error, reload } = useLoad(
    (signal) => ask<Waiting>(path, { signal }),
    [path, isPending],
  );
  useLayoutEffect(() => {
    if (!isPending) return undefined;
    const timer = setInterval(() => document.hidden || reload(), ASK_AGAIN_MS);
    return () => clearInterval(timer);
  }, [path, isPending]);
  if (!isPending || error !== undefined || !data) return null;
  const { sockets, listeners, tasks } = data;
  // This page is one of them.
  const others = Math.max(0, sockets - 1);
  return (
    <section class="panel">
      <h2>Waiting for it now</h2>
      <dl class="facts">
        <div class="fact">
          <dt>Connected</dt>
          <dd>
            {others === 0 ? "nobody else" : others.toLocaleString()}
            <span class="quiet">besides this page</span>
          </dd>
        </div>
        {tasks.length > 0 && (
          <div class="fact">
            <dt>Workflows</dt>
            <dd>
              <ul class="plain">
                {tasks.slice(0, SHOWN_MAX).map((task) => (
                  <li key={task}>
                    <a href={promiseHref(task)}>
                      <IdText id={task} />
                    </a>
                  </li>
                ))}
              </ul>
              {tasks.length > SHOWN_MAX && (
                <span class="quiet">and {tasks.length - SHOWN_MAX} more</span>
              )}
            </dd>
          </div>
        )}
        {listeners.length > 0 && (
          <div class="fact">
            <dt>Listeners</dt>
            <dd>
              <ul class="plain">
                {listeners.slice(0, SHOWN_MAX).map((address) => (
                  <li key={address} class="mono">
                    {address}
                  </li>
                ))}
              </ul>
            </dd>
          </div>
        )}
      </dl>
    </section>
  );
}
