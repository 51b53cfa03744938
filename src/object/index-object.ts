/** One per shard: projections of promises and schedules for search. */
import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";

export class IndexObject extends DurableObject<Env> {}
