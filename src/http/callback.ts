/**
 * `POST /c/:token`: the URL that another system is given as its webhook target. Whatever it sends,
 * JSON, a form or text, becomes the value of the promise; a mapping may take the outcome from one
 * field and the value from another. It may come before anybody waits, and twice: the answer is the
 * same, so that a sender that repeats is content.
 *
 * Only POST, and only with the token; where the link says how the sender signs, only signed.
 */
import { LIMITS } from "../../client/src/protocol.ts";
import { readConfig } from "../env.ts";
import { roomFor } from "../in-memory.ts";
import type { Mapping } from "../machine/link.ts";
import { isSettled, type Payload } from "../machine/promise.ts";
import type { C } from "./edge.ts";
import { invalid, Refusal } from "./errors.ts";
import { checkFits } from "./form-check.ts";
import { guessed } from "./guesses.ts";
import { readBody, textAt } from "./json.ts";
import { refusalOfLink } from "./links.ts";
import { verifyLink } from "./link-token.ts";
import { pathOf, refuseQuery } from "./parse.ts";
import { isFromSender } from "./verify-sender.ts";

export async function receiveCallback(c: C): Promise<Response> {
  refuseQuery(c.req.url);
  const token = pathOf(c.req.url).slice("/c/".length);
  const claims = await verifyLink(token, "callback", readConfig(c.env).linkKeys);
  if (!claims) throw await guessed(c.req.raw, c.env, refusalOfLink("unknown"));
  if (claims.expiresAt <= Date.now()) throw refusalOfLink("expired");
  const body = await readBody(c.req.raw);
  await roomFor(c.env, claims.promiseId);
  const object = c.env.PROMISES.getByName(claims.promiseId);
  const { link, standing, record: asked } = await object.viewLink(claims.linkId);
  if (!link || link.allowed.kind !== "callback") throw refusalOfLink("unknown");
  if (standing === "revoked" || standing === "expired") throw refusalOfLink(standing);
  const { verifier, mapping = {} } = link.allowed;
  const sent = { headers: c.req.raw.headers, body };
  if (verifier && !(await isFromSender(sent, verifier, Date.now()))) {
    throw new Refusal("bad_signature", `This is not signed as ${verifier.scheme} with our secret`);
  }
  const text = jsonOf(body, c.req.header("content-type") ?? "");
  const decision = mapped(text, mapping);
  const isOpen = asked !== null && !isSettled(asked);
  if (isOpen && decision.state === "resolved") checkFits(asked, decision.value.data);
  const fits = asked ? { fits: asked.birth } : {};
  const { outcome, record } = await object.useLink(claims.linkId, { ...decision, ...fits });
  // Used up or settled before: the sender need not know, it has done its part.
  const accepted = outcome === "settled" || outcome === "voted";
  return c.json({ accepted, state: record?.state.toUpperCase() }, 200, {
    "cache-control": "no-store",
  });
}

/** The body as JSON text: JSON as it is, a form as an object, anything else as a string. */
function jsonOf(body: Uint8Array, contentType: string): string {
  const text = decoded(body);
  const mediaType = contentType.split(";")[0]?.trim().toLowerCase() ?? "";
  if (mediaType === "application/x-www-form-urlencoded") {
    const entries = [...new URLSearchParams(text)];
    return JSON.stringify(Object.fromEntries(entries));
  }
  if (mediaType !== "application/json" && !mediaType.endsWith("+json")) return JSON.stringify(text);
  try {
    JSON.parse(text);
    return text;
  } catch (error) {
    throw invalid("body", `The body is not JSON: ${(error as Error).message}`);
  }
}

function mapped(
  text: string,
  { outcome, rejected = [], value }: Mapping,
): { state: "resolved" | "rejected"; value: Payload } {
  const said = outcome === undefined ? undefined : at(text, outcome);
  const word = said === undefined ? "" : wordOf(said);
  const data = value === undefined ? textAt(text, []) : at(text, value);
  return {
    state: rejected.includes(word) ? "rejected" : "resolved",
    value: data === undefined ? {} : { data },
  };
}

/** `true`, `"paid"` and `3` as words: true, paid, 3. */
function wordOf(text: string): string {
  const value: unknown = JSON.parse(text);
  return typeof value === "string" ? value : text;
}

/** The text at a JSON pointer (RFC 6901). */
function at(text: string, pointer: string): string | undefined {
  const path = pointer.split("/").slice(1);
  return textAt(
    text,
    path.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~")),
  );
}

function decoded(body: Uint8Array): string {
  if (body.length > LIMITS.bodyBytesMax) throw new Refusal("too_large", "The body is too large");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(body);
  } catch {
    throw invalid("body", "The body is not valid UTF-8");
  }
}
