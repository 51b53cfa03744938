/** One schedule: its next ten runs, what it makes, and pausing, running and deleting it. */
import { useState } from "hono/jsx/dom";
import type { Schedule } from "../../../../../../client/src/schedules.ts";
import { promises } from "../api/promises.ts";
import { may, session } from "../api/session.ts";
import { faultText } from "../format/fault.ts";
import { spanText } from "../format/time.ts";
import { go } from "../live/route.ts";
import { useStore } from "../live/store.ts";
import { Confirm } from "../parts/confirm.tsx";
import { Icon } from "../parts/icon.tsx";
import { IdText } from "../parts/id.tsx";
import { Day, Left } from "../parts/time.tsx";
import { TagChips } from "../parts/tags.tsx";
import { say } from "../parts/toasts.tsx";
import { promiseHref } from "../places.ts";
import { Fact } from "../promise/facts.tsx";

export function ScheduleDetail({
  schedule,
  onChange,
}: {
  schedule: Schedule;
  onChange: () => void;
}) {
  const { id, paused, promiseId, promiseTimeout, promiseTags, nextRuns, skipped } = schedule;
  return (
    <section class="panel detail" aria-label={`Schedule ${id}`}>
      <header class="panel-head">
        <h2 class="clip">
          <IdText id={id} />
        </h2>
        <a class="button ghost square" href="/dashboard/schedules" aria-label="Close the details">
          <Icon name="close" />
        </a>
      </header>
      <Actions schedule={schedule} onChange={onChange} />
      <h3>Next runs</h3>
      {paused && <p class="quiet">None while it is paused.</p>}
      {!paused && nextRuns.length === 0 && <p class="quiet">It never runs again.</p>}
      <ol class="runs">
        {(paused ? [] : nextRuns).map((at) => (
          <li key={at}>
            <Day at={at} />
            <span class="quiet">
              <Left at={at} isCalm />
            </span>
          </li>
        ))}
      </ol>
      <h3>What it makes</h3>
      <dl class="facts">
        <Fact name="Id">
          <code class="wrap">{promiseId}</code>
        </Fact>
        <Fact name="Deadline">{spanText(promiseTimeout)} after each run</Fact>
        {Object.keys(promiseTags).length > 0 && (
          <Fact name="Tags">
            <TagChips tags={promiseTags} />
          </Fact>
        )}
        {skipped && (
          <Fact name="Passed over">
            <Day at={skipped.from} /> to <Day at={skipped.to} />
          </Fact>
        )}
      </dl>
    </section>
  );
}

function Actions({
  schedule: { id, paused },
  onChange,
}: {
  schedule: Schedule;
  onChange: () => void;
}) {
  const isAllowed = may(useStore(session), "create");
  const [asked, setAsked] = useState<"run" | "delete" | undefined>(undefined);
  if (!isAllowed) return null;

  async function togglePause(): Promise<void> {
    try {
      await (paused ? promises.schedules.resume(id) : promises.schedules.pause(id));
      say(paused ? "It runs again." : "It is paused.");
    } catch (error) {
      say(faultText(error), "bad");
    }
    onChange();
  }
  async function run(): Promise<void> {
    const { promiseId } = await promises.schedules.run(id);
    say("It was run.", "good", { href: promiseHref(promiseId), text: "Show its promise" });
    onChange();
  }
  async function remove(): Promise<void> {
    await promises.schedules.delete(id);
    say("The schedule was deleted.");
    go("/dashboard/schedules");
    onChange();
  }
  const close = () => setAsked(undefined);
  return (
    <div class="actions">
      <button type="button" class="button" onClick={() => void togglePause()}>
        <Icon name={paused ? "play" : "pause"} size={14} /> {paused ? "Resume" : "Pause"}
      </button>
      <button type="button" class="button" onClick={() => setAsked("run")}>
        <Icon name="play" size={14} /> Run now
      </button>
      <button type="button" class="button" onClick={() => setAsked("delete")}>
        <Icon name="trash" size={14} /> Delete
      </button>
      {asked === "run" && (
        <Confirm title="Run it now" action="Run now" act={run} onClose={close}>
          <p>One more promise of this schedule, besides those of its times.</p>
        </Confirm>
      )}
      {asked === "delete" && (
        <Confirm
          title="Delete the schedule"
          action="Delete"
          isDangerous
          act={remove}
          onClose={close}
        >
          <p>
            <code class="id-block">{id}</code>
          </p>
          <p class="quiet">It runs no more. The promises that it has made stay.</p>
        </Confirm>
      )}
    </div>
  );
}
