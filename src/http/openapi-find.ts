/** The operations that find: search, the live list, figures and the index, for the OpenAPI document. */
import {
  LIMITS,
  SEARCH_PARAMETERS,
  SORTS,
  STATE_WORDS,
  STATES,
  TASK_STATES,
} from "../../client/src/protocol.ts";
import { CALL_ERRORS, operation, problems, type Json } from "./openapi-parts.ts";

const INSTANT =
  "Milliseconds since the epoch, a date, or a time from now such as -1h (After includes it).";

const DESCRIPTIONS: Record<(typeof SEARCH_PARAMETERS)[number], Json> = {
  id: { description: "An id; each * stands for any text: orders/*", schema: { type: "string" } },
  state: {
    description:
      "One or several. In capitals exactly that; rejected is all three, settled all four.",
    schema: { type: "array", items: { enum: STATE_WORDS } },
  },
  tag: {
    description: "A tag that is there, whatever its value; as often as wanted.",
    schema: { type: "array", items: { type: "string" } },
  },
  createdAfter: { description: INSTANT, schema: { type: "string" } },
  createdBefore: { description: INSTANT, schema: { type: "string" } },
  settledAfter: { description: INSTANT, schema: { type: "string" } },
  settledBefore: { description: INSTANT, schema: { type: "string" } },
  deadlineAfter: { description: INSTANT, schema: { type: "string" } },
  deadlineBefore: { description: INSTANT, schema: { type: "string" } },
  q: {
    description: "Words, each somewhere in the id, the tags, the title or who asks.",
    schema: { type: "string", maxLength: LIMITS.searchTextCharactersMax },
  },
  task: { description: "The state of its task.", schema: { enum: [...TASK_STATES, "any"] } },
  sort: { description: "With -, the greatest first.", schema: { enum: SORTS } },
  limit: {
    description: "How many at most.",
    schema: { type: "integer", minimum: 1, maximum: LIMITS.searchLimitMax },
  },
  cursor: { description: "What the page before ended with.", schema: { type: "string" } },
  count: { description: "How many there are in all.", schema: { type: "boolean" } },
  view: {
    description: "summary: without param and value, and faster.",
    schema: { enum: ["full", "summary"] },
  },
};

export const SEARCH_QUERY: Json[] = [
  ...SEARCH_PARAMETERS.map((name) => Object.assign({ name, in: "query" }, DESCRIPTIONS[name])),
  {
    name: "tags",
    in: "query",
    style: "deepObject",
    description: "tags[key]=value: all of them.",
    schema: { type: "object", additionalProperties: { type: "string" } },
  },
];

export const SEARCH = operation("searchPromises", "Search promises, or follow a search live", {
  description:
    "Accept: application/json, or text/event-stream for the same list live: its first page, then " +
    "added, changed and removed as they happen, resumed by Last-Event-ID. Upgrade: websocket too.",
  parameters: SEARCH_QUERY,
  responses: {
    200: {
      description: "A page; with a cursor there is more.",
      content: {
        "application/json": {
          schema: {
            type: "object",
            required: ["promises", "cursor", "indexedAt"],
            properties: {
              promises: { type: "array", items: { type: "object", required: ["id", "state"] } },
              cursor: { type: ["string", "null"] },
              indexedAt: { type: "integer", description: "Changes up to it are in (ms)." },
              count: { type: "integer" },
            },
          },
        },
        "text/event-stream": { schema: { type: "string" } },
      },
    },
    101: { description: "A WebSocket; each message is an event as JSON." },
    ...problems("too_many_awaiters", ...CALL_ERRORS),
  },
});

export function findPaths(): Json {
  const common = { tags: ["service"] };
  const group = {
    type: "object",
    required: ["group", "workers", "tasks"],
    properties: {
      group: { type: "string" },
      workers: { type: "array", items: { type: "string" }, description: "Connected, by pid." },
      tasks: countsOf(TASK_STATES.filter((state) => state !== "fulfilled")),
    },
  };
  return {
    "/stats": {
      get: operation("stats", "How many promises and tasks there are, by state", {
        ...common,
        responses: {
          200: answer({
            type: "object",
            required: ["at", "promises", "tasks"],
            properties: {
              at: { type: "integer" },
              promises: countsOf(STATES),
              oldestPendingOn: { type: "integer" },
              tasks: countsOf(TASK_STATES),
            },
          }),
          ...problems(...CALL_ERRORS),
        },
      }),
    },
    "/activity": {
      get: operation("activity", "What was created and settled in the last hours, by the minute", {
        ...common,
        responses: {
          200: answer({
            type: "object",
            required: ["at", "minutes", "total"],
            properties: {
              at: { type: "integer" },
              minutes: { type: "array", items: { type: "object" } },
              total: { type: "object" },
            },
          }),
          ...problems(...CALL_ERRORS),
        },
      }),
    },
    "/groups": {
      get: operation("listGroups", "Groups of workers that tasks are for", {
        ...common,
        responses: {
          200: answer({
            type: "object",
            required: ["groups"],
            properties: { groups: { type: "array", items: group } },
          }),
          ...problems(...CALL_ERRORS),
        },
      }),
    },
    "/groups/{group}": {
      get: operation("showGroup", "A group: who is connected, what waits", {
        ...common,
        parameters: [{ name: "group", in: "path", required: true, schema: { type: "string" } }],
        responses: { 200: answer(group), ...problems("group_not_found", ...CALL_ERRORS) },
      }),
    },
    "/index": {
      get: operation("showIndex", "How the index is, shard by shard", {
        ...common,
        responses: {
          200: answer({
            type: "object",
            required: ["shards"],
            properties: { shards: { type: "array", items: { type: "object" } } },
          }),
          ...problems(...CALL_ERRORS),
        },
      }),
    },
    "/index/rebuild": {
      post: operation("rebuildIndex", "Compare every row of the index with its promise", {
        ...common,
        description:
          "Goes on by itself, some 200 promises a second; GET /index says how far it is.",
        parameters: [{ name: "shard", in: "query", schema: { type: "integer", minimum: 0 } }],
        responses: {
          202: answer({
            type: "object",
            required: ["started"],
            properties: { started: { type: "integer", description: "Shards." } },
          }),
          ...problems(...CALL_ERRORS),
        },
      }),
    },
  };
}

function countsOf(names: readonly string[]): Json {
  return {
    type: "object",
    required: names,
    properties: Object.fromEntries(names.map((name) => [name, { type: "integer" }])),
  };
}

function answer(schema: Json): Json {
  return { description: "As it is now.", content: { "application/json": { schema } } };
}
