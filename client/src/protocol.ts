/**
 * THE CONTRACT: what crosses the wire between anybody and a durable promise. Records, states,
 * outcomes, frames, error codes, header names and limits, shared word for word by the server and
 * the client. It decides nothing and imports nothing; a change here is a change of the public API.
 */

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * The states of a promise as the REST resource spells them. All but `PENDING` are final: a settled
 * promise never changes again.
 */
export const STATES = [
  "PENDING",
  "RESOLVED",
  "REJECTED",
  "REJECTED_CANCELED",
  "REJECTED_TIMEDOUT",
] as const;
export type State = (typeof STATES)[number];
export type SettledState = Exclude<State, "PENDING">;

/** The states that a caller may write. Only the deadline writes `REJECTED_TIMEDOUT`. */
export const WRITABLE_STATES = ["RESOLVED", "REJECTED", "REJECTED_CANCELED"] as const;
export type WritableState = (typeof WRITABLE_STATES)[number];

/** What a promise is asked with (`param`) or settled with (`value`). Both parts are optional. */
export interface Payload<T = Json> {
  headers?: Record<string, string>;
  /** Any JSON value, kept to the letter: numbers beyond 2^53 survive the trip through the server. */
  data?: T;
}

/** A settlement that the deadline writes in place of `REJECTED_TIMEDOUT`. */
export interface OnTimeout {
  state: WritableState;
  value?: Payload;
}

/**
 * What a person is asked, on the page of a link. `schema` also binds every other caller: what
 * resolves the promise must fit it.
 */
export interface Form {
  title?: string;
  /** Markdown, a small and safe part of it. */
  description?: string;
  /** Facts to decide by. */
  details?: { label: string; value: string }[];
  /** What the buttons say, in place of "Approve" and "Reject". */
  approveLabel?: string;
  rejectLabel?: string;
  /** JSON Schema (2020-12, the part of it that a form can ask) of `value.data` when resolved. */
  schema?: { [key: string]: unknown };
}

/** Settled by several: by the approval that reaches the count, or when it cannot be any more. */
export interface Quorum {
  /** So many must resolve it. */
  approvals: number;
  /** Of so many who vote. */
  of: number;
  /** Only these may vote; absent: whoever may settle it, each once. */
  voters?: string[];
  /** One refusal rejects it. */
  veto: boolean;
  /** Whoever asked may not vote. */
  excludeRequester: boolean;
}

export interface Vote {
  /** The voter's name: of a link's audience, a key or a token. */
  by: string;
  approves: boolean;
  at: number;
}

/** What happens while nobody settles the promise; durations in ms. */
export interface EscalationStep {
  /** From its creation. */
  after: number;
  /** Whether it has happened. */
  done: boolean;
  /** Who is told: `https://…`, or `poll://…` for a worker. */
  notify?: string;
  /** By how much the deadline moves. */
  extend?: number;
  /** How it is settled. */
  settle?: { state: WritableState; value: Payload };
}

/** Who has settled a promise, as far as that is known, and over which surface. */
export interface SettledBy {
  how: "api" | "protocol" | "example" | "link" | "callback" | "worker" | "deadline" | "escalation";
  /** A verified name: of a key, a token, or of whom the link was made for. */
  who?: string;
  /** The id of the link. */
  link?: string;
}

/**
 * The REST resource: one promise, as `GET /promises/:id` answers it. The names are those of the
 * published Durable Promise API; `url`, `onTimeout` and `retention` are ours. Absent fields are
 * left out; `param` and `value` are `{}` when empty.
 */
export interface PromiseRecord<T = Json> {
  id: string;
  state: State;
  param: Payload;
  value: Payload<T>;
  /** The deadline in ms since the epoch; {@link NEVER} when there is none. */
  timeout: number;
  idempotencyKeyForCreate?: string;
  idempotencyKeyForComplete?: string;
  tags: Record<string, string>;
  createdOn: number;
  completedOn?: number;
  onTimeout?: OnTimeout;
  /** How long the settled promise is kept, in ms. Absent: for ever. */
  retention?: number;
  /** What a person is asked. */
  form?: Form;
  /** Who asks. */
  requestedBy?: string;
  quorum?: Quorum;
  /** In the order in which they came. */
  votes?: Vote[];
  escalation?: EscalationStep[];
  settledBy?: SettledBy;
  /** Where this promise lives. */
  url: string;
}

/**
 * What a search says of a promise without asking it: all but what was asked and answered. `state` is
 * the one at the instant of the answer: past its deadline a promise is timed out.
 */
export interface PromiseSummary {
  id: string;
  state: State;
  timeout: number;
  tags: Record<string, string>;
  createdOn: number;
  completedOn?: number;
  /** Of its form: what a person is asked. */
  title?: string;
  requestedBy?: string;
  /** Who executes it, where somebody does. */
  task?: TaskSummary;
  url: string;
}

export const TASK_STATES = ["pending", "acquired", "suspended", "halted", "fulfilled"] as const;
export type TaskState = (typeof TASK_STATES)[number];

export interface TaskSummary {
  state: TaskState;
  /** How often it was taken. */
  version: number;
  /** Who holds it. */
  pid?: string;
}

/**
 * The words of `state=` in a search. In capitals: that state, as records have it. In small letters, as
 * the published API has them: `rejected` is all three rejections, `settled` all but pending.
 */
export const STATE_WORDS = [...STATES, "pending", "resolved", "rejected", "settled"] as const;
export type StateWord = (typeof STATE_WORDS)[number];

/**
 * The orders of a search; with `-`, the greatest first. `settled` finds settled promises only, and
 * `deadline` only those that have one. Ties are in the order of ids.
 */
export const SORTS = [
  "created",
  "-created",
  "settled",
  "-settled",
  "deadline",
  "-deadline",
  "id",
  "-id",
] as const;
export type Sort = (typeof SORTS)[number];

/**
 * `GET /promises?...`: the parameters of a search. All that are given must hold. Instants are ms since
 * the epoch, RFC 3339 dates, or from now: `-1h`, `+7d`; `After` includes its instant, `Before` does not.
 * Tags are `tags[key]=value`, as often as wanted.
 */
export const SEARCH_PARAMETERS = [
  /** An id, in which `*` stands for any text: `orders/*`. */
  "id",
  /** {@link StateWord}, one or several: `state=pending&state=RESOLVED`, or with commas. */
  "state",
  /** A tag that must be there, whatever its value; as often as wanted. */
  "tag",
  "createdAfter",
  "createdBefore",
  "settledAfter",
  "settledBefore",
  "deadlineAfter",
  "deadlineBefore",
  /** Words, each of which must be somewhere in the id, a tag, the title or who asks. */
  "q",
  /** {@link TaskState}, or `any`: of those that somebody is to execute. */
  "task",
  /** {@link Sort}; `-created` where nothing is said. */
  "sort",
  /** 1 to 1,000; 100 where nothing is said. */
  "limit",
  /** What the page before ended with. Of the same search: its other parameters must not change. */
  "cursor",
  /** `true`: how many there are in all. */
  "count",
  /** `full` (the default): records, read where they live. `summary`: {@link PromiseSummary}, faster. */
  "view",
] as const;

/** What a search answers. A page may be short and not the last: the cursor says whether there is more. */
export interface SearchPage<Item = PromiseRecord> {
  promises: Item[];
  cursor: string | null;
  /**
   * Every change up to this instant (ms) is in the answer, for all that the index knows: it is told of
   * a settlement at once, of a new promise within about a second.
   */
  indexedAt: number;
  /** Of all pages together. */
  count?: number;
}

/**
 * The same search as a live list: `GET /promises?...` with `Accept: text/event-stream` (`event:` is
 * `type`, `data:` the rest, `id:` is `at`) or as a WebSocket (a JSON text each). First the page that the
 * search finds, then what happens to all that it would find, in no order; never its end. Times from now
 * (`-1h`) are those at its beginning.
 *
 * - `page`: the list begins anew, at first and after a gap that was too long.
 * - `added`: it is found from now on. `changed`: it is still found. Take both as "this is how it is".
 * - `removed`: it is not found any more. May name what was never in the list.
 *
 * `at` is for `Last-Event-ID` (on a WebSocket `?lastEventId=`): who comes again with it is told what
 * happened meanwhile, perhaps twice.
 */
export type ListEvent =
  | { type: "page"; at: string; promises: PromiseSummary[]; cursor: string | null; count: number }
  | { type: "added" | "changed"; at: string; promise: PromiseSummary }
  | { type: "removed"; at: string; id: string };

/** `GET /awaiters/:id`: who waits for the promise at this moment. */
export interface Awaiters {
  /** Lines held open: WebSockets, event streams and long polls. */
  sockets: number;
  /** Addresses that are told the end: `poll://…`, or `https://…` without its query. */
  listeners: string[];
  /** Ids of promises whose tasks wait for this one. */
  tasks: string[];
  /** The lists were cut. */
  more?: true;
}

/** `GET /stats`: what the index has counted, over all promises within the caller's prefixes. */
export interface Stats {
  /** ms since the epoch. */
  at: number;
  promises: Record<State, number>;
  /** When the one that waits longest was created. */
  oldestPendingOn?: number;
  tasks: Record<TaskState, number>;
}

/**
 * `GET /activity`: the last hours, minute by minute, without the minutes in which nothing happened.
 * Counted once each, whatever was said twice. Of the whole deployment, so it asks for all prefixes.
 */
export interface Activity {
  at: number;
  /** Oldest first. */
  minutes: Minute[];
  /** Since the deployment began. */
  total: {
    created: number;
    settled: Record<SettledState, number>;
    latency: number[];
    latencySum: number;
  };
}

export interface Minute {
  /** When it began, ms since the epoch. */
  at: number;
  created: number;
  settled: number;
  /** From creation to settlement: how many took at most {@link LATENCY_BOUNDS_MS}, the last all others. */
  latency: number[];
}

/** Upper bounds of the counts of `latency`, in ms: from a machine's answer to a person's. */
export const LATENCY_BOUNDS_MS = [
  10, 100, 1000, 10_000, 60_000, 600_000, 3_600_000, 86_400_000, 604_800_000,
] as const;

/**
 * What the audit log tells of. Always: keys, webhooks, purges, disposals, imports, rebuilding the index.
 * The others when somebody does them by hand: with the dashboard or the command line.
 */
export const AUDIT_ACTS = [
  "key.create",
  "key.revoke",
  "webhook.create",
  "webhook.change",
  "webhook.delete",
  "webhook.rotate",
  "webhook.redeliver",
  "link.create",
  "link.revoke",
  "schedule.create",
  "schedule.change",
  "schedule.run",
  "schedule.delete",
  "promise.settle",
  "promise.extend",
  "promise.purge",
  "promise.dispose",
  "promise.import",
  "index.rebuild",
] as const;
export type AuditAct = (typeof AUDIT_ACTS)[number];

export interface AuditEntry {
  /** ms since the epoch: just before it was done. */
  at: number;
  /** Of a key, a token or a secret the name; `loopback` where this machine needs none. */
  who: string;
  kind: string;
  did: AuditAct;
  /** The id of what it was done to. */
  on?: string;
  from: "dashboard" | "cli" | "api";
  /** `x-request-id`. */
  request: string;
  /** Of the answer. Absent: it is not answered yet, or the server ended meanwhile; it may have happened. */
  status?: number;
}

/** `GET /audit`: the newest first. A page may be short and not the last: with a cursor there is more. */
export interface AuditPage {
  entries: AuditEntry[];
  cursor?: string;
}

/**
 * `GET /export?...`: lines of JSON (NDJSON), each a promise or a {@link ExportMark}; `POST /import` takes
 * the same lines. A promise with its history, and without what is of one place: its address, who waits
 * for it, who holds its task, its links. What is settled stays settled, what is pending goes on.
 */
export interface ExportedPromise<T = Json> extends Omit<PromiseRecord<T>, "url" | "votes"> {
  votes?: (Vote & { key?: string })[];
  /** Not for others to wait for: a step of a workflow. */
  internal?: true;
  /** Made over Resonate's protocol: its param is in that encoding. */
  protocol?: true;
  /** Its task was out of service. */
  halted?: true;
}

/**
 * How far an export has come: everything before it is in. Whoever has lost the line goes on with
 * `?cursor=` of the last mark; `null`: that was all. A request that has exported as much as it may ends
 * with a mark that has a cursor.
 */
export interface ExportMark {
  cursor: string | null;
  /** How many promises this request has exported so far. */
  exported: number;
  /** What the index had heard of: what was created later may be missing. */
  indexedAt: number;
  /** It could not go on: try again from here; without a cursor, from the beginning. */
  error?: string;
}

/**
 * What became of a line of an import; they come in the order of the lines.
 *
 * - `imported`: it is there now. `same`: it was there, as the line says. `conflict`: it is there, but
 *   not as the line says; nothing was changed. `refused`: the line is no promise, or not the caller's.
 *   `failed`: it may or may not be there; send the line again.
 */
export const IMPORT_RESULTS = ["imported", "same", "conflict", "refused", "failed"] as const;
export type ImportResult = (typeof IMPORT_RESULTS)[number];

export interface ImportedLine {
  /** From 1. */
  line: number;
  id?: string;
  result: ImportResult;
  /** The fields that are not the same, or the one at fault. */
  fields?: string[];
  detail?: string;
  /** How many lines have come to a result so far. */
  done: number;
}

/** The last line of the answer. */
export interface ImportSummary extends Record<ImportResult, number> {
  done: number;
  /** The line to go on with: a request takes so many and no more. `null`: that was all. */
  next: number | null;
}

/** The deadline of a promise without one: the largest integer that JSON and JavaScript share. */
export const NEVER = Number.MAX_SAFE_INTEGER;

/** A tag that turns the deadline into success: the promise is a timer. `"true"` switches it on. */
export const TIMER_TAGS = ["resonate:timer", "resonate:timeout"] as const;

/**
 * What became of a create or settle, in the header `promise-outcome` of its answer.
 *
 * - `created`, `settled`: this call did it (201).
 * - `extended`: this call moved the deadline (200).
 * - `voted`: this call's vote was counted, and more are needed (202).
 * - `repeated`: an earlier call with the same idempotency key did it, or the deadline is that (200).
 * - `lost`: the promise was there, or settled, before; the answer carries the record that won.
 */
export const OUTCOMES = ["created", "settled", "extended", "voted", "repeated", "lost"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/**
 * What an awaiter is told, on a WebSocket (one JSON text message each) and as Server-Sent Events
 * (`event:` is `type`, `data:` is the promise). The first frame says how things stand, `settled` is
 * always the last.
 *
 * - `absent`: nobody has created this id yet. You will be told when somebody does.
 * - `pending`: created, not settled.
 * - `settled`: the end. Take the message as the end, not the closing of the socket.
 * - `disposed`: the id was freed while you waited; there will be no outcome. Also an end.
 * - `error`: what you sent makes no sense; the socket closes.
 *
 * `etag` is the entity tag of the JSON resource without its quotes, for `If-None-Match`.
 */
export type Frame<T = Json> =
  | { type: "absent"; id: string }
  | { type: "pending"; etag: string; promise: PromiseRecord<T> }
  | { type: "settled"; etag: string; promise: PromiseRecord<T> }
  | { type: "disposed"; id: string }
  | { type: "error"; code: ErrorCode; message: string };

/** Sent by an awaiter to prove that the line is alive; answered without waking the promise. */
export const PING = "ping";
export const PONG = "pong";

/**
 * WebSocket subprotocols. A browser cannot set `Authorization` on a WebSocket, so it offers
 * `["durable-promise", "bearer." + key]`; the server picks the first and never echoes the second.
 */
export const SUBPROTOCOL = "durable-promise";
export const BEARER_SUBPROTOCOL_PREFIX = "bearer.";

/** Header names, lower case as `Headers` yields them. */
export const HEADER = {
  idempotencyKey: "idempotency-key",
  strict: "strict",
  outcome: "promise-outcome",
  prefer: "prefer",
  preferenceApplied: "preference-applied",
  subprotocol: "sec-websocket-protocol",
  /** Names the request in logs and in the audit log; on every answer, the caller's own if it is sane. */
  requestId: "x-request-id",
  /** What calls: `cli/1.0`, `dashboard`. For who may not set `user-agent`. */
  client: "x-client",
} as const;

/**
 * What a key may do with the promises within its prefixes. `read` looks, `await` is told what becomes
 * of it, `settle` also works on tasks, `admin` is all of them, and to delete, and to make keys.
 */
export const SCOPES = ["create", "read", "await", "settle", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

/** An API key as the server shows it: what it may do, never the key itself. */
export interface ApiKey {
  id: string;
  name: string;
  scopes: Scope[];
  /** Ids, or beginnings of ids and a `*`: `team-a/*`. */
  prefixes: string[];
  createdAt: number;
  /** Absent: it does not end by itself. */
  expiresAt?: number;
}

/** What an endpoint may be told of a promise. */
export const WEBHOOK_EVENTS = ["promise.created", "promise.settled"] as const;
export type WebhookEventType = (typeof WEBHOOK_EVENTS)[number];

/** The forms that an endpoint may be told in: {@link WebhookEvent}, {@link CloudEvent}. */
export const WEBHOOK_FORMATS = ["json", "cloudevents"] as const;
export type WebhookFormat = (typeof WEBHOOK_FORMATS)[number];

/**
 * The body of a webhook, signed by the rules of Standard Webhooks. It may come more than once, with
 * the same header `webhook-id`, and in any order. `webhook.test` is sent when somebody asks for it.
 */
export type WebhookEvent<T = Json> =
  | {
      type: WebhookEventType;
      /** When it happened (RFC 3339). */
      timestamp: string;
      /** The promise as it was after that. */
      data: PromiseRecord<T>;
    }
  | { type: "webhook.test"; timestamp: string; data: { webhook: string } };

/** The same as a CloudEvent 1.0 in structured mode. `id` is the `webhook-id`. */
export interface CloudEvent<T = Json> {
  specversion: "1.0";
  id: string;
  /** The origin of the server. */
  source: string;
  type: WebhookEvent["type"];
  /** The promise's id. */
  subject: string;
  time: string;
  datacontenttype: "application/json";
  data: WebhookEvent<T>["data"];
}

/**
 * Every error that the server answers with: the stable word in `code` of the problem document, its
 * HTTP status, and the number that the published API gives it in `error.code`. A missing code is a
 * compile error in the server.
 */
export const ERRORS = {
  invalid_request: { status: 400, number: 40000, title: "The request is malformed" },
  unauthorized: { status: 401, number: 40100, title: "A key is needed" },
  forbidden: { status: 403, number: 40399, title: "Not allowed" },
  already_resolved: { status: 403, number: 40300, title: "The promise is already resolved" },
  already_rejected: { status: 403, number: 40301, title: "The promise is already rejected" },
  already_canceled: { status: 403, number: 40302, title: "The promise is already canceled" },
  already_timedout: { status: 403, number: 40303, title: "The promise has already timed out" },
  not_found: { status: 404, number: 40400, title: "There is no such promise" },
  schedule_not_found: { status: 404, number: 40401, title: "There is no such schedule" },
  webhook_not_found: { status: 404, number: 40402, title: "There is no such webhook" },
  event_not_found: { status: 404, number: 40403, title: "That event waits for nobody here" },
  schedule_exists: { status: 409, number: 40901, title: "The schedule exists already" },
  no_route: { status: 404, number: 40499, title: "There is nothing at this address" },
  method_not_allowed: {
    status: 405,
    number: 40500,
    title: "This address does not take that method",
  },
  key_not_found: { status: 404, number: 40405, title: "There is no such key" },
  group_not_found: { status: 404, number: 40406, title: "There is no such group of workers" },
  link_not_found: { status: 404, number: 40404, title: "There is no such link" },
  already_voted: { status: 409, number: 40905, title: "You have voted already" },
  not_a_voter: { status: 403, number: 40305, title: "You may not vote on this" },
  too_many_links: { status: 409, number: 40906, title: "The promise has too many links" },
  bad_signature: { status: 401, number: 40101, title: "The signature is not valid" },
  invalid_value: { status: 422, number: 42200, title: "The value does not fit the form" },
  exists: { status: 409, number: 40900, title: "The promise exists already" },
  pending: { status: 409, number: 40999, title: "The promise is not settled yet" },
  disposed: { status: 410, number: 41000, title: "The promise was disposed" },
  too_many_keys: { status: 409, number: 40907, title: "There are as many keys as may be" },
  too_large: { status: 413, number: 41300, title: "The request is too large" },
  url_too_long: { status: 414, number: 41400, title: "The URL is too long" },
  unsupported_media_type: { status: 415, number: 41500, title: "Send JSON" },
  too_many_awaiters: { status: 429, number: 42900, title: "Too many await this promise" },
  too_many_webhooks: { status: 429, number: 42901, title: "There are as many webhooks as may be" },
  too_many_requests: { status: 429, number: 42902, title: "Too many requests" },
  headers_too_large: { status: 431, number: 43100, title: "The headers are too large" },
  internal: { status: 500, number: 50000, title: "Something went wrong on our side" },
  unavailable: { status: 503, number: 50300, title: "Try again in a moment" },
  too_many_workers: { status: 503, number: 50301, title: "Too many workers in this group" },
  not_configured: { status: 503, number: 50399, title: "This deployment has no keys yet" },
} as const satisfies Record<string, { status: number; number: number; title: string }>;
export type ErrorCode = keyof typeof ERRORS;

/** The body of every error: RFC 9457 problem details, our `code`, and the published API's `error`. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: ErrorCode;
  /** One sentence for people. */
  detail: string;
  /** The field, header or part of the path at fault. */
  field?: string;
  /** Of a value that does not fit the form: each fault by its JSON pointer (RFC 6901). */
  errors?: { pointer: string; message: string }[];
  /** After a lost settle, how the promise ended, signed: see `GET /receipts/:id`. */
  receipt?: string;
  /** The promise as it stands, where there is one: after a lost settle, the winner's record. */
  promise?: PromiseRecord;
  error: { code: number; message: string };
}

/**
 * Limits, each with the harm it prevents. Honest callers do not meet them; whoever does gets an
 * error that names the field.
 */
export const LIMITS = {
  /** Durable Object names above 1,024 bytes lose `ctx.id.name` (seen 2026-08-15). */
  idBytesMax: 1024,
  /** A stored value may have 2 MB; param and value together must fit, and 128 MB are shared. */
  bodyBytesMax: 1024 * 1024,
  /** Deeper nesting makes the JSON parsers of some awaiter's language overflow their stack. */
  dataDepthMax: 1000,
  tagsMax: 64,
  /** All keys and values together: tags are copied to every index row. */
  tagsBytesMax: 4096,
  /** Headers of a payload: same reason, same cure. */
  payloadHeadersMax: 64,
  payloadHeadersBytesMax: 8192,
  idempotencyKeyBytesMax: 512,
  /** Every occurrence of a schedule carries it. */
  scheduleParamBytesMax: 256 * 1024,
  /** A Worker must answer a request within 30 s; a long poll must be sure to. */
  longPollMsMax: 25_000,
  /** An awaiter says `ping` and nothing else; more is a mistake or an attack that wakes objects. */
  frameBytesMax: 1024,
  /** Hibernating sockets on one object: the platform's maximum. Configurable below that. */
  awaitersMax: 32_768,
  /** Every record of a page is read where it lives: a call to an object each. */
  searchLimitDefault: 100,
  searchLimitMax: 1000,
  /** Each is a comparison with every row of the index that is looked at. */
  searchTermsMax: 32,
  searchTextCharactersMax: 256,
  /** Stars in `id=`: each is a comparison too, and a statement takes so many values. */
  searchWildcardsMax: 16,
  /** Lists that are followed live: a socket on every shard of the index for each. */
  listFollowersMax: 1000,
  /** Of these by one key or token that may not do everything: it must leave room for the others. */
  listFollowersOfOneMax: 200,
  /** Of a live list, for one who does not read: then its stream ends, and it may resume. */
  listBytesBehindMax: 16 * 1024 * 1024,
  /** What a live list asks for, as JSON: it is kept with its line, which takes 16 KiB (workerd, 2026-08-15). */
  listTermsCharactersMax: 7000,
  /** Of those who await a promise, so many are named. */
  awaitersListedMax: 1000,
  /** Longer than every URL of ours: an id of 1,024 bytes, percent-encoded, has 3,072. */
  urlCharactersMax: 8192,
  /** Tokens and entity tags are read, hashed and split: no honest one comes near. */
  headersBytesMax: 32 * 1024,
  /** Each is a call to an object, and a request may make 10,000. */
  exportPromisesMax: 5000,
  importLinesMax: 5000,
  /** A promise has two payloads of the size of a body, a form, and what its escalation settles it with. */
  importLineBytesMax: 4 * 1024 * 1024,
  /** All of the audit log: whoever does much by hand must not fill a storage. The oldest go. */
  auditEntriesMax: 200_000,
  /** Of one shard of four: a list shows all of them at once. */
  keysMax: 1000,
  keyNameCharactersMax: 100,
  /** Wrong keys, and links that nobody signed, from one address: whoever guesses is told to stay away. */
  guessesMax: 100,
  /** Where nobody says from which address: all of them together. */
  guessesFromAnywhereMax: 1000,
  guessesWindowMs: 60_000,
  /** So many addresses are remembered: who guesses from many must not fill the memory. */
  guessersMax: 10_000,
  /** A search asks the index for each of them. */
  keyPrefixesMax: 16,
  /** A page is held in memory as text: after so many characters it ends, and the next one begins. */
  searchTextMax: 8 * 1024 * 1024,
  /** Links to one promise: all are read to list them. */
  linksMax: 1000,
  linkNoteCharactersMax: 1000,
  linkAudienceCharactersMax: 320,
  /** What a person is asked: it is shown with every record. */
  formBytesMax: 64 * 1024,
  /** Votes are part of the record. */
  votersMax: 100,
  escalationStepsMax: 20,
  /** Tasks and listeners that one settlement wakes, a row and a call each. */
  subscribersMax: 32_768,
  /** A suspend asks each of them twice and waits for all. */
  awaitedMax: 1000,
  /** One heartbeat reaches so many objects at once. */
  heartbeatTasksMax: 1000,
  /** An address is the key of a row. */
  addressCharactersMax: 1500,
  /** What a task's holder is told in advance: it must not make every acquire slow. */
  preloadCharactersMax: 256 * 1024,
  /** A group is the name of a Durable Object (see `idBytesMax`); a pid is kept with its socket. */
  groupBytesMax: 512,
  pidBytesMax: 512,
  /** Workers of one group: one object talks to all of them, and answers all of their reconnects. */
  pollersMax: 1000,
  /** A worker that is away for longer is gone: what was kept for it would be kept for ever. */
  unblockKeptMsMax: 7 * 24 * 60 * 60 * 1000,
  /** A group that nobody serves any more must not fill its object's storage (10 GB), the oldest go. */
  unblocksKeptMax: 10_000,
  unblocksKeptBytesMax: 1024 * 1024 * 1024,
  /** Every process that holds promises holds the filters of all webhooks, in one message. */
  webhooksMax: 10_000,
  webhookUrlCharactersMax: 2048,
  /** For the same reason: the tags of a filter, keys and values together. */
  webhookFilterTagsMax: 8,
  webhookFilterTagsBytesMax: 512,
  /** An endpoint that answers nothing must not fill its object's storage: the oldest are given up. */
  webhookWaitingMax: 10_000,
  webhookDeadLettersMax: 10_000,
  webhookKeptBytesMax: 1024 * 1024 * 1024,
  /** Attempts that are remembered to be looked at. */
  webhookLogMax: 100,
  /** An answer is read so far, that its line can serve again, and kept so far, to be looked at. */
  webhookAnswerBytesMax: 64 * 1024,
  webhookAnswerKeptBytesMax: 1024,
  webhookRetriesMax: 30,
  webhookRetryMsMax: 7 * 24 * 60 * 60 * 1000,
  /** An endpoint may put us off, but not for ever. */
  webhookRetryAfterMsMax: 24 * 60 * 60 * 1000,
  /** How long a secret that was replaced may stay valid. */
  webhookOverlapMsMax: 7 * 24 * 60 * 60 * 1000,
} as const;

/**
 * What a rejection says to a person: the message of an error-like reason, a plain string as it is,
 * anything else as JSON; for a cancel or a timeout without a reason, that.
 *
 * @example rejectionMessage("REJECTED", "help!") // "help!"
 */
export function rejectionMessage(state: SettledState, reason: Json | undefined): string {
  if (typeof reason === "string") return reason;
  if (reason !== undefined && reason !== null) {
    const message =
      typeof reason === "object" && !Array.isArray(reason) ? reason["message"] : undefined;
    return typeof message === "string" ? message : JSON.stringify(reason);
  }
  if (state === "REJECTED_CANCELED") return "promise was canceled";
  if (state === "REJECTED_TIMEDOUT") return "promise timed out";
  return "promise was rejected";
}
