/** Wiring only: the objects and the app that routes to them. */
import { app } from "./http/app.ts";

export { AuditObject } from "./object/audit-object.ts";
export { DebugObject } from "./object/debug-object.ts";
export { InboxObject } from "./object/inbox-object.ts";
export { IndexObject } from "./object/index-object.ts";
export { KeyObject } from "./object/key-object.ts";
export { PromiseObject } from "./object/promise-object.ts";
export { ScheduleObject } from "./object/schedule-object.ts";
export { WebhookObject } from "./object/webhook-object.ts";
export { WebhookRegistryObject } from "./object/webhook-registry.ts";

export default app;
