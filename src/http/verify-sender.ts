/**
 * Did the one who is said to have sent this really send it? The signatures of the usual senders, each
 * an HMAC-SHA-256 of the body as it came, compared in constant time; those that sign a time are
 * refused when it is too far from ours, so that what was overheard cannot be sent again later.
 *
 * Standard Webhooks (specification 1.0), GitHub ("Validating webhook deliveries"), Stripe ("Verify
 * webhook signatures manually"), Slack ("Verifying requests from Slack"), or a header of one's own.
 */
import type { Verifier } from "../machine/link.ts";

const TOLERANCE_S = 5 * 60;
const HMAC = { name: "HMAC", hash: "SHA-256" };

export interface Sent {
  headers: Headers;
  body: Uint8Array;
}

/** What was signed, and the signatures that came with it. */
interface Signed {
  message: Uint8Array;
  signatures: (Uint8Array | undefined)[];
}

export async function isFromSender(sent: Sent, verifier: Verifier, now: number): Promise<boolean> {
  const signed = SCHEMES[verifier.scheme](sent, verifier, now / 1000);
  if (!signed) return false;
  let isGood = false;
  for (const secret of verifier.secrets) {
    const bytes = keyOf(secret, verifier.scheme);
    if (bytes.length === 0) continue;
    const key = await crypto.subtle.importKey("raw", bytes, HMAC, false, ["verify"]);
    for (const signature of signed.signatures) {
      if (!signature) continue;
      const same = await crypto.subtle.verify(HMAC, key, signature, signed.message);
      isGood = same || isGood;
    }
  }
  return isGood;
}

const SCHEMES: Record<
  Verifier["scheme"],
  (sent: Sent, verifier: Verifier, nowS: number) => Signed | undefined
> = {
  "standard-webhooks": ({ headers, body }, _, nowS) => {
    const [id, timestamp] = [headers.get("webhook-id"), headers.get("webhook-timestamp")];
    if (id === null || !isTimely(timestamp, nowS)) return undefined;
    const listed = (headers.get("webhook-signature") ?? "").split(" ");
    return {
      message: joined(`${id}.${timestamp}.`, body),
      signatures: listed.map((one) => (one.startsWith("v1,") ? base64(one.slice(3)) : undefined)),
    };
  },
  github: ({ headers, body }) => {
    const header = headers.get("x-hub-signature-256") ?? "";
    return { message: body, signatures: [hex(after("sha256=", header))] };
  },
  stripe: ({ headers, body }, _, nowS) => {
    const parts = (headers.get("stripe-signature") ?? "").split(",").map((part) => part.trim());
    const timestamp = after("t=", parts.find((part) => part.startsWith("t=")) ?? "");
    if (timestamp === undefined || !isTimely(timestamp, nowS)) return undefined;
    const signatures = parts.map((part) => hex(after("v1=", part)));
    return { message: joined(`${timestamp}.`, body), signatures };
  },
  slack: ({ headers, body }, _, nowS) => {
    const timestamp = headers.get("x-slack-request-timestamp");
    if (!isTimely(timestamp, nowS)) return undefined;
    const header = headers.get("x-slack-signature") ?? "";
    return { message: joined(`v0:${timestamp}:`, body), signatures: [hex(after("v0=", header))] };
  },
  hmac: ({ headers, body }, { header = "x-signature", prefix = "", encoding = "hex" }) => {
    const text = after(prefix, headers.get(header) ?? "");
    return { message: body, signatures: [encoding === "hex" ? hex(text) : base64(text)] };
  },
};

/** Standard Webhooks secrets are base64 behind `whsec_`; all others are the text itself. */
function keyOf(secret: string, scheme: Verifier["scheme"]): Uint8Array {
  if (scheme !== "standard-webhooks") return new TextEncoder().encode(secret);
  return base64(after("whsec_", secret) ?? secret) ?? new Uint8Array();
}

function isTimely(timestamp: string | null, nowS: number): boolean {
  if (timestamp === null || !/^\d{1,12}$/.test(timestamp)) return false;
  return Math.abs(Number(timestamp) - nowS) <= TOLERANCE_S;
}

function joined(text: string, body: Uint8Array): Uint8Array {
  const before = new TextEncoder().encode(text);
  const whole = new Uint8Array(before.length + body.length);
  whole.set(before);
  whole.set(body, before.length);
  return whole;
}

function after(prefix: string, text: string): string | undefined {
  return text.startsWith(prefix) ? text.slice(prefix.length) : undefined;
}

function hex(text: string | undefined): Uint8Array | undefined {
  if (text === undefined || !/^(?:[0-9a-f]{2})+$/i.test(text)) return undefined;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function base64(text: string | undefined): Uint8Array | undefined {
  if (text === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
