/**
 * The validators of everything that comes in as JSON, and thereby the schemas of the OpenAPI
 * document. They know shapes and limits; what a valid request does is the machine's matter.
 */
import * as v from "valibot";
import { LIMITS, STATES, WRITABLE_STATES, type WritableState } from "../../client/src/protocol.ts";

/** Published fields that the server owns: sent back by callers who read, change and write. */
const serverOwned = v.optional(v.unknown());

export const writableState = v.pipe(
  v.string(),
  v.toUpperCase(),
  v.picklist(WRITABLE_STATES, `must be one of ${WRITABLE_STATES.join(", ")}`),
  v.description("Any case. Only the deadline writes REJECTED_TIMEDOUT."),
);

/** An object with these fields and no others. Valibot's own takes an array for one. */
export function fields<const Entries extends v.ObjectEntries>(entries: Entries) {
  const schema = v.strictObject(entries);
  type Run = (typeof schema)["~run"];
  const run: Run = (dataset, config) =>
    schema["~run"](Array.isArray(dataset.value) ? { value: "Array" } : dataset, config);
  return { ...schema, "~run": run };
}

/**
 * A map of strings. Not `v.record`: that drops the keys `constructor` and `__proto__` silently.
 */
function stringMap(entriesMax: number, bytesMax: number) {
  return v.pipe(
    v.custom<Record<string, string>>(isStringMap, "must be an object of strings"),
    v.check(
      (map) => Object.keys(map).length <= entriesMax,
      `must have ${entriesMax} entries at most`,
    ),
    v.check(
      (map) => utf8Length(Object.entries(map).flat().join("")) <= bytesMax,
      `must have ${bytesMax} bytes of keys and values at most`,
    ),
    v.metadata({ type: "object", additionalProperties: { type: "string" } }),
  );
}

export const tags = stringMap(LIMITS.tagsMax, LIMITS.tagsBytesMax);

export const payload = fields({
  headers: v.optional(stringMap(LIMITS.payloadHeadersMax, LIMITS.payloadHeadersBytesMax)),
  data: v.optional(v.unknown()),
});

export const safeInteger = v.pipe(
  v.number("must be an integer"),
  v.safeInteger("must be an integer within ±(2^53 - 1)"),
);

/** An instant in ms since the epoch, a duration from now, or a date. */
export const deadline = v.pipe(
  v.union(
    [safeInteger, v.pipe(v.string(), v.maxLength(100))],
    "must be milliseconds since the epoch (an integer), a duration (20s, 24h, PT1H) or a date",
  ),
  v.description("Milliseconds since the epoch, a duration from now (20s, 24h, PT1H), or a date."),
);

/** A duration in ms or as text. */
export const duration = v.pipe(
  v.union(
    [v.pipe(safeInteger, v.minValue(0)), v.pipe(v.string(), v.maxLength(100))],
    "must be milliseconds (an integer from 0) or a duration (20s, 24h, PT1H)",
  ),
  v.description("Milliseconds, or a duration (20s, 24h, PT1H)."),
);

export const promiseId = v.pipe(
  v.string("must be a string"),
  v.rawCheck(({ dataset, addIssue }) => {
    const fault = dataset.typed && faultOfId(dataset.value);
    if (fault) addIssue({ message: fault });
  }),
  v.description("1 to 1,024 bytes of any Unicode but control characters; may contain slashes."),
);

/** What is wrong with an id, to follow its name in a sentence. Apart, for it is in every request. */
export function faultOfId(id: string): string | undefined {
  if (id === "") return "must not be empty";
  if (!id.isWellFormed()) return "must be well-formed Unicode";
  // No character has more than 3 bytes for each of its UTF-16 units.
  const mayBeTooLong = id.length * 3 > LIMITS.idBytesMax;
  if (mayBeTooLong && utf8Length(id) > LIMITS.idBytesMax) {
    return `must have ${LIMITS.idBytesMax} bytes at most`;
  }
  if (/\p{Cc}/u.test(id)) return "must not have control characters";
  if (/(?:^|\/)\.\.?(?:\/|$)/.test(id)) {
    return 'must not have "." or ".." between slashes: every URL parser would take them away';
  }
  return undefined;
}

/** The fields of a create, but for those about its decision (asked.ts). */
export const createFields = {
  id: v.optional(promiseId),
  param: v.optional(payload, {}),
  timeout: v.optional(deadline),
  tags: v.optional(tags, {}),
  onTimeout: v.optional(fields({ state: writableState, value: v.optional(payload, {}) })),
  retention: v.optional(duration),
  state: serverOwned,
  value: serverOwned,
  idempotencyKeyForCreate: serverOwned,
  idempotencyKeyForComplete: serverOwned,
  createdOn: serverOwned,
  completedOn: serverOwned,
  url: serverOwned,
};

export const settleBody = fields({
  state: writableState,
  value: v.optional(payload, {}),
  id: v.optional(promiseId),
  idempotencyKeyForCreate: serverOwned,
  idempotencyKeyForComplete: serverOwned,
  createdOn: serverOwned,
  completedOn: serverOwned,
  url: serverOwned,
});

/** Without a state: the deadline moves, and nothing else. */
export const extendBody = fields({ timeout: deadline, id: v.optional(promiseId) });

/** What the server answers: only for the OpenAPI document, nothing is validated on the way out. */
export const promiseRecord = v.object({
  id: v.string(),
  state: v.picklist(STATES),
  param: payload,
  value: payload,
  timeout: v.pipe(v.number(), v.integer()),
  idempotencyKeyForCreate: v.optional(v.string()),
  idempotencyKeyForComplete: v.optional(v.string()),
  tags,
  createdOn: v.pipe(v.number(), v.integer()),
  completedOn: v.optional(v.pipe(v.number(), v.integer())),
  onTimeout: v.optional(v.object({ state: v.picklist(WRITABLE_STATES), value: payload })),
  retention: v.optional(v.pipe(v.number(), v.integer())),
  form: v.optional(v.record(v.string(), v.unknown())),
  requestedBy: v.optional(v.string()),
  quorum: v.optional(v.record(v.string(), v.unknown())),
  votes: v.optional(
    v.array(
      v.object({ by: v.string(), approves: v.boolean(), at: v.pipe(v.number(), v.integer()) }),
    ),
  ),
  escalation: v.optional(v.array(v.record(v.string(), v.unknown()))),
  settledBy: v.optional(
    v.object({ how: v.string(), who: v.optional(v.string()), link: v.optional(v.string()) }),
  ),
  url: v.string(),
});

/** `RESOLVED` on the wire, `resolved` in the machine. */
export function machineState(state: WritableState): Lowercase<WritableState> {
  // SAFETY: lower-casing a member of the union is what the type says.
  return state.toLowerCase() as Lowercase<WritableState>;
}

function isStringMap(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((entry) => typeof entry === "string");
}

const utf8 = new TextEncoder();

export function utf8Length(text: string): number {
  return utf8.encode(text).length;
}
