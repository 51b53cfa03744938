/** The flags of whatever searches: each parameter of the API, by the name it has there. */
import { type SearchQuery, SORTS, STATE_WORDS, type StateWord, TASK_STATES } from "../index.ts";
import type { Args } from "./args.ts";
import { type Flags, UsageError } from "./command.ts";

const TASKS = [...TASK_STATES, "any"] as const;
const INSTANT = { takes: "<when>" } as const;

export const QUERY_FLAGS = {
  id: { takes: "<pattern>", help: "an id, in which * stands for any text; also as a word" },
  state: {
    takes: "<state>",
    short: "s",
    many: true,
    offers: STATE_WORDS,
    help: "pending, resolved, rejected (of any kind), settled, or one in capitals",
  },
  tag: { takes: "<key=value>", short: "t", many: true, help: "a tag that it has" },
  "has-tag": { takes: "<key>", many: true, help: "a tag that it has, whatever its value" },
  "created-after": { ...INSTANT, help: "from then on: 2026-11-24T00:00:00Z, -1h, +7d" },
  "created-before": { ...INSTANT, help: "up to then" },
  "settled-after": { ...INSTANT, help: "from then on" },
  "settled-before": { ...INSTANT, help: "up to then" },
  "deadline-after": { ...INSTANT, help: "from then on" },
  "deadline-before": { ...INSTANT, help: "up to then: what is due within the hour is +1h" },
  q: { takes: "<words>", help: "words in the id, a tag, the title, or who asks; all of them" },
  task: {
    takes: "<state>",
    oneOf: TASKS,
    help: `those to be executed: any, or ${TASK_STATES.join(", ")}`,
  },
  sort: { takes: "<order>", oneOf: SORTS, help: `${SORTS.join(", ")} (-created)` },
  limit: { takes: "<n>", short: "n", help: "how many a page has, 1 to 1000 (100)" },
} as const satisfies Flags;

/** @throws UsageError for what cannot be asked. */
export function queryOf(args: Args): SearchQuery {
  const given: Record<string, unknown> = {
    id: idOf(args),
    state: statesOf(args),
    tags: args.pairs("tag"),
    hasTags: args.texts("has-tag"),
    createdAfter: args.text("created-after"),
    createdBefore: args.text("created-before"),
    settledAfter: args.text("settled-after"),
    settledBefore: args.text("settled-before"),
    deadlineAfter: args.text("deadline-after"),
    deadlineBefore: args.text("deadline-before"),
    q: args.text("q"),
    task: args.choice("task", TASKS),
    sort: args.choice("sort", SORTS),
    limit: args.whole("limit"),
  };
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries);
}

function idOf(args: Args): string | undefined {
  const word = args.words[0];
  if (word !== undefined && args.text("id") !== undefined) {
    throw new UsageError("give the id once: as a word, or as --id");
  }
  return word ?? args.text("id");
}

/** Also with commas: `--state rejected,PENDING`. */
function statesOf(args: Args): StateWord[] | undefined {
  const words = args.texts("state").flatMap((text) => text.split(","));
  for (const word of words) {
    if (!(STATE_WORDS as readonly string[]).includes(word)) {
      throw new UsageError(`--state must be one of ${STATE_WORDS.join(", ")}, not "${word}"`);
    }
  }
  // SAFETY: each was checked.
  return words.length > 0 ? (words as StateWord[]) : undefined;
}
