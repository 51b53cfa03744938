/**
 * The one form of the approval page: the fields, a reason, and a button for each decision. Only its
 * POST changes anything, and only a button sends it.
 */
import type { ApprovalModel } from "./approval.tsx";
import { FormField } from "./form.tsx";
import { textsOfDefaults } from "./form-data.ts";
import { FaultSummary, faultTextsOf } from "./form-faults.tsx";
import { fieldOf } from "./form-fields.ts";
import { WORDS } from "./texts.ts";

/** The names under which the form sends what is not the answer itself (`value…`). */
export const FORM_NAMES = { csrf: "csrf", outcome: "outcome", reason: "reason" } as const;

export function ApprovalForm({ model }: { model: ApprovalModel }) {
  const { language, choice, csrf, action, errors = [], reason = "" } = model;
  const words = WORDS[language];
  const schema = choice.kind === "choose" ? choice.schema : undefined;
  const root = fieldOf(schema ?? { type: "object" });
  const faults = faultTextsOf(root, errors, language);
  const texts = model.values ?? textsOfDefaults(schema ?? {});
  return (
    <form method="post" action={action} data-typed={model.values ? "" : undefined}>
      {/* Enter in a field would press the first button: this one, which does nothing. */}
      <button type="submit" disabled={true} hidden={true} />
      <input type="hidden" name={FORM_NAMES.csrf} value={csrf} autocomplete="off" />
      {faults.size > 0 && <FaultSummary root={root} faults={faults} language={language} />}
      {schema && <FormField field={root} state={{ texts, faults, language }} />}
      {choice.kind === "choose" && (
        <div class="field">
          <label for="reason">
            {words.reason} <span class="optional">({words.optional})</span>
          </label>
          <p class="help" id="reason-help">
            {words.reasonHelp}
          </p>
          <textarea
            id="reason"
            name={FORM_NAMES.reason}
            rows={2}
            dir="auto"
            aria-describedby="reason-help"
          >{`\n${reason}`}</textarea>
        </div>
      )}
      <div id="notice" role="status" />
      <template id="meanwhile">
        <p>
          {words.meanwhile} <a href="">{words.showDecision}</a>
        </p>
      </template>
      <Buttons choice={choice} approve={words.approve} reject={words.reject} />
    </form>
  );
}

interface ButtonsProps {
  choice: ApprovalModel["choice"];
  approve: string;
  reject: string;
}

/** Who rejects needs no answer: the fields are not checked then. */
function Buttons({ choice, approve, reject }: ButtonsProps) {
  if (choice.kind === "await") return null;
  if (choice.kind === "fixed") {
    return (
      <div class="buttons">
        <button name={FORM_NAMES.outcome} value={choice.outcome} class={CLASSES[choice.outcome]}>
          {choice.label}
        </button>
      </div>
    );
  }
  return (
    <div class="buttons">
      <button name={FORM_NAMES.outcome} value="resolved" class={CLASSES.resolved}>
        {choice.approveLabel ?? approve}
      </button>
      <button name={FORM_NAMES.outcome} value="rejected" class={CLASSES.rejected} formnovalidate>
        {choice.rejectLabel ?? reject}
      </button>
    </div>
  );
}

const CLASSES = { resolved: "main", rejected: "plain" };
