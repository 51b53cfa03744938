/** Moving the deadline of a pending promise later: by so much, or to an instant. */
import { useState } from "hono/jsx/dom";
import { NEVER, type PromiseRecord } from "../../../../../../client/src/protocol.ts";
import { isAlreadySettledError } from "../../../../../../client/src/errors.ts";
import { promises } from "../api/promises.ts";
import { isoText } from "../format/time.ts";
import { faultText } from "../format/fault.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Day, Left } from "../parts/time.tsx";
import { say } from "../parts/toasts.tsx";
import { LostRace } from "./lost-race.tsx";

const HOUR = 3_600_000;
const CHOICES = [
  ["1 hour", HOUR],
  ["4 hours", 4 * HOUR],
  ["1 day", 24 * HOUR],
  ["3 days", 72 * HOUR],
  ["1 week", 168 * HOUR],
] as const;

export function ExtendDialog({ record, onClose }: { record: PromiseRecord; onClose: () => void }) {
  const later = (ms: number) => isoText(record.timeout + ms)?.replace(/\.\d+Z$/, "Z") ?? "";
  const [until, setUntil] = useState(later(24 * HOUR));
  const [error, setError] = useState<unknown>(undefined);
  const [isSending, setSending] = useState(false);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    setSending(true);
    try {
      await promises.extend(record.id, until.trim());
      say("The deadline was moved.");
      onClose();
    } catch (failure) {
      setError(failure);
      setSending(false);
    }
  }

  if (isAlreadySettledError(error)) {
    return (
      <Dialog title="It is settled already" onClose={onClose}>
        <LostRace winner={error.record} onClose={onClose} />
      </Dialog>
    );
  }
  return (
    <Dialog title="Extend the deadline" onClose={onClose}>
      <form class="dialog-body" onSubmit={(event: Event) => void submit(event)}>
        <p>
          <code class="id-block">{record.id}</code>
        </p>
        <p class="quiet">
          {record.timeout === NEVER ? (
            "It has no deadline."
          ) : (
            <>
              Its deadline is <Day at={record.timeout} />, <Left at={record.timeout} />.
            </>
          )}
        </p>
        <fieldset class="choices">
          <legend>Later by</legend>
          {CHOICES.map(([label, ms]) => (
            <button
              key={label}
              type="button"
              class="button"
              aria-pressed={until === later(ms) ? "true" : "false"}
              onClick={() => setUntil(later(ms))}
            >
              {label}
            </button>
          ))}
        </fieldset>
        <label class="field">
          <span>
            New deadline <span class="faint">a date, or from now: 36h</span>
          </span>
          <input
            type="text"
            class="code"
            value={until}
            required
            spellcheck={false}
            onInput={(event: Event) => {
              setUntil((event.target as HTMLInputElement).value);
              setError(undefined);
            }}
          />
        </label>
        <div aria-live="polite">
          {error !== undefined && <p class="field-fault">{faultText(error)}</p>}
        </div>
        <footer class="dialog-foot">
          <button type="button" class="button" onClick={onClose}>
            Leave it
          </button>
          <button type="submit" class="button primary" disabled={isSending}>
            Extend
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
