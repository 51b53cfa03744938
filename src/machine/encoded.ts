/**
 * Data as Resonate's SDKs take it. They know data as base64 of JSON text and refuse every answer with
 * anything else in it; what people and other programs send us is plain JSON. So what did not come over
 * the protocol is answered there encoded, and what did come over it, as it came.
 */
import type { JsonText, Payload } from "./promise.ts";

declare const btoa: (binary: string) => string;
declare const atob: (base64: string) => string;

/** @example encoded({ data: "true" }) // { data: '"dHJ1ZQ=="' } */
export function encoded(payload: Payload): Payload {
  const { data } = payload;
  if (data === undefined || isEncoded(data)) return payload;
  return { ...payload, data: `"${btoa(utf8(data))}"` };
}

/** A string that is base64 of JSON was encoded by its sender. */
function isEncoded(data: JsonText): boolean {
  if (!/^"[A-Za-z0-9+/]*={0,2}"$/.test(data)) return false;
  try {
    JSON.parse(atob(data.slice(1, -1)));
    return true;
  } catch {
    // The empty string is the SDKs' way to say `undefined`.
    return data === '""';
  }
}

/** Each byte of the text in UTF-8 as a character. */
function utf8(text: string): string {
  return encodeURIComponent(text).replaceAll(/%([0-9A-F]{2})/g, (_, byte: string) =>
    String.fromCharCode(Number.parseInt(byte, 16)),
  );
}

/** What an SDK's data says: the JSON text in it; anything else is what it is. */
export function decoded(data: JsonText): JsonText {
  if (data === '""' || !isEncoded(data)) return data;
  const bytes = atob(data.slice(1, -1));
  const escaped = Array.from(
    bytes,
    (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return decodeURIComponent(escaped.join(""));
}
