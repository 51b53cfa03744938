/**
 * What the kinds of Resonate's protocol have in common: a request that was understood, an answer, the
 * shapes of ids, creates and settles, and records as that protocol has them. Serves no kind itself.
 */
import * as v from "valibot";
import { readConfig, type Env } from "../env.ts";
import { isExternal, type Create, type PromiseRecord, type Settle } from "../machine/promise.ts";
import { protocolText } from "../machine/resource.ts";
import { newBirth, validate } from "./parse.ts";
import { byOf } from "./by.ts";
import type { Principal } from "./principal.ts";
import type { KindName } from "./rpc-rules.ts";
import { payload, promiseId, tags } from "./schemas.ts";
import { checkTarget } from "./targets.ts";
import { payloadOf } from "./values.ts";

/** A request that was understood: its data checked as far as the kind, its text kept for `data`. */
export interface Ask {
  env: Env;
  /** Who asks. */
  principal: Principal;
  text: string;
  data: unknown;
  /** Where the caller reaches us. */
  origin: string;
  /** The instant, where a test tool drives the clock. */
  at?: number;
}

export interface Reply {
  status: 200 | 300 | 400 | 403 | 404 | 409 | 422 | 501 | 503;
  /** JSON text. */
  data: string;
}

/** By the name of the kind; one of which nobody has said who may ask for it is no kind. */
export type Kinds = { [Name in KindName]?: (ask: Ask) => Promise<Reply> };

const int = v.pipe(v.number("must be an integer"), v.safeInteger("must be an integer"));
export const natural = v.pipe(int, v.minValue(0, "must be 0 or more"));

const idOnly = v.object({ id: promiseId });
export const createData = v.object({
  id: promiseId,
  timeoutAt: int,
  param: v.optional(payload, {}),
  tags: v.optional(tags, {}),
});
export const settleData = v.object({
  id: promiseId,
  state: v.picklist(
    ["resolved", "rejected", "rejected_canceled"],
    "must be resolved, rejected or rejected_canceled",
  ),
  value: v.optional(payload, {}),
});

export function idOf({ data }: Ask): string {
  return validate(idOnly, data, "data").id;
}

/** The object of a promise. */
export function objectOf({ env }: Ask, id: string): ReturnType<Env["PROMISES"]["getByName"]> {
  return env.PROMISES.getByName(id);
}

export function refusal(status: Reply["status"], reason: string): Reply {
  return { status, data: JSON.stringify(reason) };
}

export function promiseReply(record: PromiseRecord | null): Reply {
  if (!record) return refusal(404, "Promise not found");
  return { status: 200, data: `{"promise":${protocolText(record)}}` };
}

/** @param path where in the body the data is, for what is kept as it was written */
export function createOf(ask: Ask, data: v.InferOutput<typeof createData>, path: string[]): Create {
  const { env, text, origin } = ask;
  const { retentionMs } = readConfig(env);
  return {
    kind: "create",
    id: data.id,
    birth: newBirth(),
    param: payloadOf(data.param, text, ...path, "param"),
    tags: data.tags,
    timeoutAt: data.timeoutAt,
    strict: false,
    overProtocol: true,
    ...(retentionMs !== undefined && { retentionMs }),
    ...(!isExternal(data.tags) && { internal: true }),
    ...checkTarget(data.tags, `${path.join(".")}.tags`, origin, ask),
  };
}

export function settleOf(
  { text, principal }: Ask,
  data: v.InferOutput<typeof settleData>,
  path: string[],
  how: "protocol" | "worker" = "protocol",
): Settle {
  const value = payloadOf(data.value, text, ...path, "value");
  return { kind: "settle", state: data.state, value, by: byOf(principal, how), strict: false };
}
