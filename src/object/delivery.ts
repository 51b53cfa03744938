/**
 * The two messages that leave a promise's object: `execute`, to whoever may take its task, and
 * `unblock`, to those who listen for its end. Knows the ways (an inbox, an address of its own) and
 * the shapes; when and how often to send is the caller's matter.
 */
import { readConfig, type Env } from "../env.ts";
import { parseAddress, type Address } from "../machine/address.ts";
import type { PromiseRecord } from "../machine/promise.ts";
import { protocolText, resourceText } from "../machine/resource.ts";
import { TARGET_TAG } from "../machine/task-state.ts";
import { push } from "./push.ts";

/**
 * - `sent`: somebody has it, perhaps; if nobody acquires the task, it is offered again.
 * - `parked`: nobody can have it now; whoever comes to the inbox will be given it.
 */
export type Offered = "sent" | "parked";

/** Offers the task of `record`. May be lost. */
export async function offer(env: Env, record: PromiseRecord, version: number): Promise<Offered> {
  const { id, serverUrl } = record;
  const address = parseAddress(record.tags[TARGET_TAG] ?? "");
  // Nobody is where it points to. It may be taken by its id all the same.
  if (!address) return "parked";
  if (address.kind === "poll") {
    const { group, cast, pid } = address;
    return env.INBOXES.getByName(group).offer({
      id,
      version,
      cast,
      ...(pid !== undefined && { pid }),
    });
  }
  const head = { serverUrl: readConfig(env).publicUrl ?? serverUrl };
  const text = JSON.stringify({ kind: "execute", head, data: { task: { id, version } } });
  await push(address.url, text, readConfig(env).callsLoopback);
  return "sent";
}

/** On a clock that is driven nothing leaves: a message is only to be seen. */
export async function noteOffer(env: Env, record: PromiseRecord, version: number): Promise<void> {
  const { id } = record;
  const message = JSON.stringify({ kind: "execute", head: {}, data: { task: { id, version } } });
  const address = record.tags[TARGET_TAG] ?? "";
  await env.DEBUG.getByName("debug").send(`execute ${id}`, { address, message });
}

/** Nobody is to be given the task any more. Spares the inbox a row; if lost, its next look does. */
export async function withdraw(env: Env, record: PromiseRecord): Promise<void> {
  const address = parseAddress(record.tags[TARGET_TAG] ?? "");
  if (address?.kind === "poll") await env.INBOXES.getByName(address.group).forget(record.id);
}

/** @returns whether the listener has it, or its inbox keeps it until then */
export async function unblock(
  env: Env,
  record: PromiseRecord,
  listener: string,
  at?: number,
): Promise<boolean> {
  const address: Address | undefined = parseAddress(listener);
  if (!address) return true;
  const text = `{"kind":"unblock","head":{},"data":{"promise":${protocolText(record)}}}`;
  if (at !== undefined) {
    const key = `unblock ${listener} ${record.id}`;
    await env.DEBUG.getByName("debug").send(key, { address: listener, message: text });
    return true;
  }
  if (address.kind === "push") return push(address.url, text, readConfig(env).callsLoopback);
  const { group, cast, pid } = address;
  const message = { promiseId: record.id, cast, ...(pid !== undefined && { pid }), text };
  await env.INBOXES.getByName(group).unblock(message);
  return true;
}

/** Tells whom a step of the escalation names. @returns whether they have it, or their inbox keeps it */
export async function notify(env: Env, record: PromiseRecord, step: number): Promise<boolean> {
  const to = record.escalation?.[step]?.notify;
  const address = parseAddress(to ?? "");
  if (!address) return true;
  const config = readConfig(env);
  const promise = resourceText(record, config.publicUrl ?? record.serverUrl ?? "");
  if (address.kind === "push") {
    const text = `{"type":"promise.escalated","step":${step},"data":${promise}}`;
    return push(address.url, text, config.callsLoopback);
  }
  const { group, cast, pid } = address;
  const text = `{"kind":"escalate","head":{},"data":{"step":${step},"promise":${protocolText(record)}}}`;
  const promiseId = `${record.id}#${step}`;
  await env.INBOXES.getByName(group).unblock({
    promiseId,
    cast,
    ...(pid !== undefined && { pid }),
    text,
  });
  return true;
}
