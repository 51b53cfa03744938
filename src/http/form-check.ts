/**
 * Whether what resolves a promise fits the schema that the promise was made with. The object says
 * when that has to be asked, so that a promise without a schema costs nothing.
 */
import { decoded } from "../machine/encoded.ts";
import type { JsonText, PromiseRecord, Settle } from "../machine/promise.ts";
import type { PromiseObject } from "../object/promise-object.ts";
import type { Answer } from "../object/turns.ts";
import { Refusal } from "./errors.ts";
import { isFormSchema, type FormSchema } from "./form-schema.ts";
import { validateValue, type ValueFault } from "./form-value.ts";

/** The form of a promise, as it was asked for. */
export interface Form {
  title?: string;
  description?: string;
  details?: { label: string; value: string }[];
  approveLabel?: string;
  rejectLabel?: string;
  schema?: FormSchema;
}

export function formOf({ form }: PromiseRecord): Form {
  // SAFETY: it was checked before it was stored.
  const parsed = JSON.parse(form ?? "{}") as Form;
  return parsed.schema && !isFormSchema(parsed.schema) ? { ...parsed, schema: {} } : parsed;
}

export function faultsOf(record: PromiseRecord, data: JsonText | undefined): ValueFault[] {
  const { schema } = formOf(record);
  if (!schema) return [];
  // Nothing said is no value, and only an object may be left out.
  return validateValue(schema, data === undefined ? {} : JSON.parse(data));
}

/** @throws Refusal 422 that says what does not fit */
export function checkFits(record: PromiseRecord, data: JsonText | undefined): void {
  const errors = faultsOf(record, data);
  if (errors.length === 0) return;
  const first = errors[0]!;
  const detail = `value.data${first.pointer} ${first.message}`;
  throw new Refusal("invalid_value", detail, { field: `value.data${first.pointer}`, errors });
}

/** Where a caller settles: asks the object, and again when the value fits the promise's schema. */
export async function settleChecked(
  object: Pick<DurableObjectStub<PromiseObject>, "apply">,
  command: Settle,
  at?: number,
): Promise<Answer> {
  const answer = await object.apply(command, at);
  if (answer.outcome !== "unchecked" || !answer.record) return answer;
  const { data } = command.value;
  checkFits(answer.record, data === undefined ? undefined : decoded(data));
  return object.apply({ ...command, fits: answer.record.birth }, at);
}
