/**
 * Whom a caller may name to be sent something: as the target of a task, as a listener, in a step of an
 * escalation. A group of workers is named by those who have a part in it, for what is sent there lands
 * among the messages of others. An address of its own is anybody's to name, within the policy on URLs:
 * only who answers there is sent something, and nothing but what its sender may do anyway.
 *
 * Judged before anything is stored; a URL is judged again at every send.
 */
import { readConfig, type Env } from "../env.ts";
import { parseAddress, type Address } from "../machine/address.ts";
import { TARGET_TAG } from "../machine/task-state.ts";
import { faultOfUrl } from "../machine/webhook-url.ts";
import { invalid, Refusal } from "./errors.ts";
import { reachesGroup, type Principal } from "./principal.ts";

/** Who names it, and where. */
interface Asker {
  env: Env;
  principal: Principal;
}

/** @throws Refusal when we may not call that address */
export function checkPushUrl(url: string, field: string, env: Env): void {
  if (!URL.canParse(url)) throw invalid(field, `${field} "${url}" is not a URL`);
  const fault = faultOfUrl(url, { loopback: readConfig(env).callsLoopback });
  if (fault) throw invalid(field, `${field}: ${fault}`);
}

/**
 * @returns `undefined` for what is no address
 * @throws Refusal when it is one that may not be named
 */
export function checkAddress(
  text: string,
  field: string,
  { env, principal }: Asker,
): Address | undefined {
  const address = parseAddress(text);
  if (address?.kind === "push") checkPushUrl(address.url, field, env);
  else if (address) permitGroup(principal, address.group, field);
  return address;
}

/** @throws Refusal when it is a group of others */
export function permitGroup(principal: Principal, group: string, field: string): void {
  if (reachesGroup(principal, group)) return;
  const detail = `${field}: your key has no part in the group "${group}"`;
  throw new Refusal("forbidden", detail, { field });
}

/**
 * The target in the tags of a promise, or of those that a schedule will make.
 *
 * @param field where the tags are
 * @param origin where the one who creates it reaches us
 * @returns what is to be kept of a task that is pushed
 * @throws Refusal when it may not be named
 */
export function checkTarget(
  tags: Record<string, string>,
  field: string,
  origin: string,
  asker: Asker,
): { serverUrl?: string } {
  const target = tags[TARGET_TAG];
  if (target === undefined) return {};
  const address = checkAddress(target, `${field}.${TARGET_TAG}`, asker);
  return address?.kind === "push" ? { serverUrl: origin } : {};
}
