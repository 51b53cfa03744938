export type { AskedOptions, EscalationOptions, QuorumOptions } from "./asked.ts";
export type { CreateOptions, SettleOptions } from "./calls.ts";
export { DurablePromises, type ReadOptions } from "./client.ts";
export { type Deadline, type Duration, parseDeadline, parseDuration } from "./duration.ts";
export { type DurablePromise, durablePromise } from "./durable-promise.ts";
export * from "./errors.ts";
export type { Tree, TreeOptions } from "./family.ts";
export type { Feed } from "./feed.ts";
export type { Inbox, InboxQuery } from "./inbox.ts";
export type { KeyOptions, Keys } from "./keys.ts";
export type {
  Link,
  LinkAllow,
  LinkMapping,
  LinkOptions,
  Links,
  LinkScheme,
  LinkVerifier,
} from "./links.ts";
export type { CallOptions, DurablePromisesOptions, LineOptions } from "./options.ts";
export * from "./protocol.ts";
export {
  type Receipt,
  type ReceiptKeys,
  type Receipts,
  type SignedReceipt,
  verifyReceipt,
} from "./receipts.ts";
export { DEFAULT_RETRY, defaultShouldRetry, type RetryOptions, type RetryPolicy } from "./retry.ts";
export { DEFAULT_RUN_RETRY, type Run, type RunOptions } from "./run.ts";
export type { Schedule, ScheduleOptions, Schedules } from "./schedules.ts";
export type { SchemaResult, StandardSchema } from "./schema.ts";
export type { Found, Instant, Search, SearchQuery, SearchView } from "./search.ts";
export type { SocketConstructor, SocketLike } from "./socket-open.ts";
export type { Steps } from "./step.ts";
export {
  type TreeMember,
  type TreeNode,
  treeOf,
  type TreeRow,
  treeRows,
  treeSpan,
} from "./tree.ts";
export type { Watch } from "./watch-iterable.ts";
export {
  newSecret,
  type SignedMessage,
  signWebhook,
  verifyWebhook,
  type VerifyOptions,
  type WebhookHeaders,
} from "./webhook.ts";
export type {
  DeadLetter,
  Delivery,
  RotateOptions,
  Webhook,
  WebhookChange,
  WebhookFilter,
  WebhookOptions,
  Webhooks,
} from "./webhooks.ts";
