/**
 * What a promise says about its decision: the form that a person fills in, how many must agree, and
 * what happens while nobody does. Bytes to terms, or a refusal that names the field.
 */
import * as v from "valibot";
import { LIMITS } from "../../client/src/protocol.ts";
import type { EscalationStep } from "../machine/escalation.ts";
import type { Create } from "../machine/promise.ts";
import { TARGET_TAG } from "../machine/task-state.ts";
import type { Call } from "./edge.ts";
import { invalid, Refusal } from "./errors.ts";
import { faultOfSchema } from "./form-schema.ts";
import { textAt } from "./json.ts";
import {
  createFields,
  duration,
  fields,
  machineState,
  payload,
  utf8Length,
  writableState,
} from "./schemas.ts";
import { checkAddress } from "./targets.ts";
import { durationOf, payloadOf } from "./values.ts";

const text = (max: number) =>
  v.pipe(v.string("must be a string"), v.maxLength(max, `must have ${max} characters at most`));
const count = v.pipe(
  v.number("must be an integer"),
  v.integer("must be an integer"),
  v.minValue(1, "must be 1 or more"),
  v.maxValue(LIMITS.votersMax, `must be ${LIMITS.votersMax} at most`),
);
export const name = v.pipe(text(LIMITS.linkAudienceCharactersMax), v.nonEmpty("must not be empty"));

const form = fields({
  title: v.optional(text(200)),
  /** Markdown, a small part of it. */
  description: v.optional(text(10_000)),
  details: v.optional(
    v.pipe(
      v.array(fields({ label: text(100), value: text(2000) })),
      v.maxLength(50, "must have 50 entries at most"),
    ),
  ),
  approveLabel: v.optional(text(60)),
  rejectLabel: v.optional(text(60)),
  /** JSON Schema of `value.data` when it is approved. */
  schema: v.optional(v.record(v.string(), v.unknown())),
});

const quorum = fields({
  approvals: count,
  of: v.optional(count),
  voters: v.optional(
    v.pipe(v.array(name), v.minLength(1, "must not be empty"), v.maxLength(LIMITS.votersMax)),
  ),
  veto: v.optional(v.boolean(), false),
  excludeRequester: v.optional(v.boolean(), false),
});

export const stepFields = {
  after: duration,
  notify: v.optional(text(LIMITS.addressCharactersMax)),
  extend: v.optional(duration),
  settle: v.optional(fields({ state: writableState, value: v.optional(payload, {}) })),
};

const escalation = v.pipe(
  v.array(fields(stepFields)),
  v.maxLength(LIMITS.escalationStepsMax, `must have ${LIMITS.escalationStepsMax} steps at most`),
);

export const askedFields = {
  form: v.optional(form),
  requestedBy: v.optional(name),
  quorum: v.optional(quorum),
  escalation: v.optional(escalation),
};

export const createBody = fields({ ...createFields, ...askedFields });

interface Asked {
  form?: v.InferOutput<typeof form> | undefined;
  requestedBy?: string | undefined;
  quorum?: v.InferOutput<typeof quorum> | undefined;
  escalation?: v.InferOutput<typeof escalation> | undefined;
}

type Terms = Pick<Create, "form" | "hasSchema" | "requestedBy" | "quorum" | "escalation">;

/**
 * @param bodyText the body as it came: what is kept, is kept as it was written
 * @param call who asks; left out where nobody will be sent anything
 */
export function askedOf(
  asked: Asked,
  tags: Record<string, string>,
  bodyText: string,
  call: Call | undefined,
  now: number,
): Terms {
  const { requestedBy } = asked;
  if (asked.quorum && tags[TARGET_TAG] !== undefined) {
    throw invalid("quorum", "A worker settles what has a target, so it cannot have a quorum");
  }
  return {
    ...(asked.form && { form: formText(asked.form, bodyText) }),
    ...(asked.form?.schema && { hasSchema: true }),
    ...(requestedBy !== undefined && { requestedBy }),
    ...(asked.quorum && { quorum: quorumOf(asked.quorum, requestedBy) }),
    ...(asked.escalation && { escalation: stepsOf(asked.escalation, bodyText, call, now) }),
  };
}

function formText({ schema }: NonNullable<Asked["form"]>, bodyText: string): string {
  const fault = schema && faultOfSchema(schema);
  if (fault) throw invalid(`form.schema${fault.pointer}`, `form.schema: ${fault.message}`);
  const kept = textAt(bodyText, ["form"]) ?? "{}";
  if (utf8Length(kept) > LIMITS.formBytesMax) {
    const detail = `form may have ${LIMITS.formBytesMax} bytes at most`;
    throw new Refusal("too_large", detail, { field: "form" });
  }
  return kept;
}

function quorumOf(
  asked: NonNullable<Asked["quorum"]>,
  requestedBy: string | undefined,
): NonNullable<Create["quorum"]> {
  const { approvals, veto, excludeRequester } = asked;
  // Who asked is no voter then, and not counted as one.
  const voters = asked.voters?.filter((voter) => !(excludeRequester && voter === requestedBy));
  if (voters && new Set(voters).size < voters.length) {
    throw invalid("quorum.voters", "quorum.voters names somebody twice");
  }
  const of = voters?.length ?? asked.of ?? approvals;
  if (asked.of !== undefined && asked.of !== of) {
    throw invalid("quorum.of", "quorum.of is not the number of quorum.voters");
  }
  if (approvals > of) {
    throw invalid("quorum.approvals", `quorum.approvals is more than the ${of} who may vote`);
  }
  return { approvals, of, veto, excludeRequester, ...(voters && { voters }) };
}

function stepsOf(
  asked: NonNullable<Asked["escalation"]>,
  bodyText: string,
  call: Call | undefined,
  now: number,
): EscalationStep[] {
  let last = 0;
  const steps = asked.map((step, index) => {
    const field = `escalation.${index}`;
    const afterMs = durationOf(step.after, `${field}.after`, now);
    if (afterMs < last) throw invalid(`${field}.after`, `${field}.after is before the step before`);
    last = afterMs;
    checkNotify(step.notify, `${field}.notify`, call);
    const { settle } = step;
    return {
      afterMs,
      ...(step.notify !== undefined && { notify: step.notify }),
      ...(step.extend !== undefined && {
        extendMs: durationOf(step.extend, `${field}.extend`, now),
      }),
      ...(settle && {
        settle: {
          state: machineState(settle.state),
          value: payloadOf(settle.value, bodyText, "escalation", `${index}`, "settle", "value"),
        },
      }),
    };
  });
  const idle = asked.findIndex(({ notify, extend, settle }) => !notify && !extend && !settle);
  if (idle === -1) return steps;
  throw invalid(`escalation.${idle}`, `escalation.${idle} must notify, extend or settle`);
}

function checkNotify(notify: string | undefined, field: string, call: Call | undefined): void {
  if (notify === undefined || !call || checkAddress(notify, field, call)) return;
  throw invalid(field, `${field} "${notify}" is no address`);
}
