/** How a promise stands: a picture, a word and a tone, of which the word suffices. */
import type { State } from "../../../../../../client/src/protocol.ts";
import { STATE_ICONS, STATE_NAMES, STATE_TONES } from "../format/state.ts";
import { Icon } from "./icon.tsx";

export function StateBadge({ state }: { state: State }) {
  return (
    <span class={`badge tone-${STATE_TONES[state]}`}>
      <Icon name={STATE_ICONS[state]} size={14} />
      {STATE_NAMES[state]}
    </span>
  );
}

/** Where there is no room for the word, it is said all the same. */
export function StateMark({ state }: { state: State }) {
  return (
    <span class={`mark tone-${STATE_TONES[state]}`} title={STATE_NAMES[state]}>
      <Icon name={STATE_ICONS[state]} />
      <span class="unseen">{STATE_NAMES[state]}</span>
    </span>
  );
}
