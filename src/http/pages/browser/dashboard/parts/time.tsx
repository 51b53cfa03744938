/** Instants as people read them: how long ago, how long still; ticking, and exact for who points at them. */
import { NEVER } from "../../../../../../client/src/protocol.ts";
import { ageText, dayText, exactText, isoText, leftText } from "../format/time.ts";
import { now } from "../live/clock.ts";
import { useStore } from "../live/store.ts";

const SOON_MS = 3_600_000;

export function Ago({ at }: { at: number }) {
  const age = ageText(useStore(now) - at);
  return (
    <time class="time" datetime={isoText(at)} title={exactText(at)}>
      {age === "now" ? age : `${age} ago`}
    </time>
  );
}

/** For a column that says itself that it is an age. */
export function Age({ at }: { at: number }) {
  return (
    <time class="time" datetime={isoText(at)} title={exactText(at)}>
      {ageText(useStore(now) - at)}
    </time>
  );
}

/** Until a deadline, or that it is past. */
export function Left({ at }: { at: number }) {
  const leftMs = at - useStore(now);
  if (at === NEVER) return <span class="time faint">no deadline</span>;
  return (
    <time
      class={leftMs <= SOON_MS ? "time soon" : "time"}
      datetime={isoText(at)}
      title={exactText(at)}
    >
      {leftMs <= 0 ? "due now" : `in ${leftText(leftMs)}`}
    </time>
  );
}

export function Day({ at }: { at: number }) {
  return (
    <time class="time" datetime={isoText(at)} title={exactText(at)}>
      {dayText(at)}
    </time>
  );
}
