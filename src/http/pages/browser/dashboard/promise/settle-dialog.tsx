/**
 * Settling a promise by hand: what it will be settled with, what that means, and a button that says
 * what it does. What comes of it is told to whoever opened it; a lost race is shown with the winner.
 */
import { useState } from "hono/jsx/dom";
import type { PromiseRecord } from "../../../../../../client/src/protocol.ts";
import { Dialog } from "../parts/dialog.tsx";
import { say } from "../parts/toasts.tsx";
import { LostRace } from "./lost-race.tsx";
import { faultOfJson, settle, type Outcome, type Verb } from "./outcome.ts";
import { SchemaHelp } from "./schema-help.tsx";
import { draftOf } from "./schema-draft.ts";

interface SettleDialog {
  verb: Verb;
  record: PromiseRecord;
  onClose: () => void;
}

const WORDS = {
  resolve: { title: "Resolve", field: "Value", done: "Resolved", tone: "primary" },
  reject: { title: "Reject", field: "Reason", done: "Rejected", tone: "danger" },
  cancel: { title: "Cancel the promise", field: "Reason", done: "Canceled", tone: "danger" },
} as const;

export function SettleDialog({ verb, record, onClose }: SettleDialog) {
  const { title, field, done, tone } = WORDS[verb];
  const schema = verb === "resolve" ? record.form?.schema : undefined;
  const [typed, setTyped] = useState(schema ? JSON.stringify(draftOf(schema), null, 2) : "");
  const [outcome, setOutcome] = useState<Outcome | undefined>(undefined);
  const [isSending, setSending] = useState(false);
  // A reason is most often a sentence: what is no JSON is one.
  const sent = verb === "resolve" ? typed : reasonOf(typed);
  const fault = faultOfJson(sent);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    if (fault !== undefined || isSending) return;
    setSending(true);
    const result = await settle(verb, record.id, sent);
    setSending(false);
    setOutcome(result);
    if (result.kind === "settled" || result.kind === "voted") {
      say(result.kind === "voted" ? "Your vote was counted." : `${done}.`);
      onClose();
    }
  }

  if (outcome?.kind === "lost") {
    return (
      <Dialog title="Somebody was first" onClose={onClose}>
        <LostRace winner={outcome.winner} onClose={onClose} />
      </Dialog>
    );
  }
  const faults = outcome?.kind === "refused" ? outcome : undefined;
  return (
    <Dialog title={title} onClose={onClose} broad={verb === "resolve"}>
      <form class="dialog-body" onSubmit={(event: Event) => void submit(event)}>
        <p>
          <code class="id-block">{record.id}</code>
        </p>
        <p class="quiet">
          {record.quorum
            ? "Your vote. It counts once, and cannot be taken back."
            : "Everybody who waits is told at once. It cannot be undone."}
        </p>
        {schema && <SchemaHelp schema={schema} />}
        <label class="field">
          <span>
            {field}{" "}
            <span class="faint">{verb === "resolve" ? "JSON, or nothing" : "optional"}</span>
          </span>
          <textarea
            class="code"
            rows={verb === "resolve" ? 8 : 3}
            spellcheck={false}
            value={typed}
            aria-invalid={fault !== undefined || faults ? "true" : "false"}
            aria-describedby="settle-fault"
            onInput={(event: Event) => {
              setTyped((event.target as HTMLTextAreaElement).value);
              setOutcome(undefined);
            }}
          />
        </label>
        <div id="settle-fault" aria-live="polite">
          {fault !== undefined && <p class="field-fault">Not JSON yet: {fault}</p>}
          {faults && (
            <div class="field-fault">
              <p>{faults.faults.length > 0 ? "This does not fit the form:" : faults.text}</p>
              <ul>
                {faults.faults.map(({ pointer, message }) => (
                  <li key={pointer + message}>
                    <code>{pointer === "" ? "value" : pointer}</code> {message}
                  </li>
                ))}
              </ul>
            </div>
          )}
        </div>
        <footer class="dialog-foot">
          <button type="button" class="button" onClick={onClose}>
            Keep it pending
          </button>
          <button
            type="submit"
            class={`button ${tone}`}
            disabled={fault !== undefined || isSending}
          >
            {title}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

function reasonOf(typed: string): string {
  if (typed.trim() === "") return "";
  return faultOfJson(typed) === undefined ? typed : JSON.stringify(typed);
}
