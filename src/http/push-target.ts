/**
 * Workers and listeners that are called at an address of their own: whether we may, judged before
 * anything is stored, and where they can call us back. At every send it is judged again.
 */
import { readConfig, type Env } from "../env.ts";
import { parseAddress } from "../machine/address.ts";
import { TARGET_TAG } from "../machine/task-state.ts";
import { faultOfUrl } from "../machine/webhook-url.ts";
import { invalid } from "./errors.ts";

/** @throws Refusal when we may not call that address */
export function checkPushUrl(url: string, field: string, env: Env): void {
  if (!URL.canParse(url)) throw invalid(field, `${field} "${url}" is not a URL`);
  const fault = faultOfUrl(url, { loopback: readConfig(env).openOnLoopback });
  if (fault) throw invalid(field, `${field}: ${fault}`);
}

/**
 * For the create of a promise whose task is pushed.
 *
 * @param origin where the one who creates it reaches us
 * @throws Refusal when we may not call the target
 */
export function pushedTo(
  tags: Record<string, string>,
  origin: string,
  env: Env,
): { serverUrl?: string } {
  const target = parseAddress(tags[TARGET_TAG] ?? "");
  if (target?.kind !== "push") return {};
  checkPushUrl(target.url, `tags.${TARGET_TAG}`, env);
  return { serverUrl: origin };
}
