/** One per worker group: who is connected, and what waits for them. */
import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";

export class InboxObject extends DurableObject<Env> {}
