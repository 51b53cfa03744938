/**
 * The kinds of Resonate's protocol that are about a promise: create, get, settle, and who is to be
 * told. Reads the data, asks the one object that it is about.
 */
import * as v from "valibot";
import { LIMITS } from "../../client/src/protocol.ts";
import type { PromiseRecord } from "../machine/promise.ts";
import { settleChecked } from "./form-check.ts";
import { validate } from "./parse.ts";
import {
  createData,
  createOf,
  idOf,
  objectOf,
  promiseReply,
  refusal,
  settleData,
  settleOf,
  type Kinds,
  type Reply,
} from "./rpc-ask.ts";
import { promiseId } from "./schemas.ts";
import { checkAddress } from "./targets.ts";

export const callbackData = v.object({ awaited: promiseId, awaiter: promiseId });
const listenerData = v.object({
  awaited: promiseId,
  address: v.pipe(v.string(), v.maxLength(LIMITS.addressCharactersMax)),
});

export const PROMISE_KINDS: Kinds = {
  "promise.get": async (ask) => promiseReply(await objectOf(ask, idOf(ask)).get(ask.at)),
  "promise.create": async (ask) => {
    const data = validate(createData, ask.data, "data");
    const create = createOf(ask, data, ["data"]);
    return promiseReply((await objectOf(ask, data.id).apply(create, ask.at)).record);
  },
  "promise.settle": async (ask) => {
    const data = validate(settleData, ask.data, "data");
    const settle = settleOf(ask, data, ["data"]);
    return promiseReply((await settleChecked(objectOf(ask, data.id), settle, ask.at)).record);
  },
  "promise.register_callback": async (ask) => {
    const { awaited, awaiter } = validate(callbackData, ask.data, "data");
    if (awaited === awaiter) return refusal(400, "A promise cannot await itself");
    const { status, record } = await objectOf(ask, awaiter).callback(awaited, ask.at);
    return subscribed(status, record);
  },
  "promise.register_listener": async (ask) => {
    const { awaited, address } = validate(listenerData, ask.data, "data");
    if (!checkAddress(address, "data.address", ask)) {
      return refusal(400, `data.address "${address}" is no address of a listener`);
    }
    const standing = await objectOf(ask, awaited).listen(address, ask.at);
    if ("record" in standing) return promiseReply(standing.record);
    return subscribed(
      standing.is === "missing" ? 404 : standing.is === "internal" ? 422 : 503,
      null,
    );
  },
};

function subscribed(status: Reply["status"], record: PromiseRecord | null): Reply {
  if (status === 200 || status === 404) return promiseReply(record);
  return refusal(status, SUBSCRIPTION_REASONS[status] ?? "Not possible");
}

const SUBSCRIPTION_REASONS: { [status: number]: string } = {
  422: "The awaited promise is not for others to wait for, or the awaiter has no task",
  503: "The promises did not answer in time, or too many wait already; try again",
};
