/** Instants as people read them: how long ago, how long still; ticking, and exact for who points at them. */
import { NEVER } from "../../../../../../client/src/protocol.ts";
import { ageText, dayText, exactText, isoText, leftText } from "../format/time.ts";
import { now } from "../live/clock.ts";
import { useTicking } from "../live/ticking.ts";

const SOON_MS = 3_600_000;

export function Ago({ at }: { at: number }) {
  const text = useTicking((now) => agoText(now - at), [at]);
  return <Instant at={at} text={text} />;
}

/** For a column that says itself that it is an age. */
export function Age({ at }: { at: number }) {
  const text = useTicking((now) => ageText(now - at), [at]);
  return <Instant at={at} text={text} />;
}

/** Until a deadline, or that it is past. @param isCalm where it is no bad news that it is near */
export function Left({ at, isCalm = false }: { at: number; isCalm?: boolean }) {
  const text = useTicking((now) => untilText(at - now), [at]);
  if (at === NEVER) return <span class="time faint">no deadline</span>;
  return <Instant at={at} text={text} isSoon={!isCalm && at - now.value <= SOON_MS} />;
}

export function Day({ at }: { at: number }) {
  return <Instant at={at} text={dayText(at)} />;
}

function Instant({ at, text, isSoon }: { at: number; text: string; isSoon?: boolean }) {
  return (
    <time class={isSoon ? "time soon" : "time"} datetime={isoText(at)} title={exactText(at)}>
      {text}
    </time>
  );
}

function agoText(ms: number): string {
  const age = ageText(ms);
  return age === "now" ? age : `${age} ago`;
}

function untilText(ms: number): string {
  return ms <= 0 ? "due now" : `in ${leftText(ms)}`;
}
