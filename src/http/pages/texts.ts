/**
 * What the pages for people say, in each language that we speak, and which language somebody gets.
 * The tables are in words/; a word that one lacks is a compile error. Instants are written in UTC
 * with the zone named, because the server does not know where its reader is.
 */
import type { ValueFault } from "../form-value.ts";
import { de } from "./words/de.ts";
import { en } from "./words/en.ts";
import { es } from "./words/es.ts";
import { fr } from "./words/fr.ts";

export type Words = Record<keyof typeof en, string>;

/** The first is what everybody gets who asks for none of them. */
export const LANGUAGES = ["en", "de", "fr", "es"] as const;
export type Language = (typeof LANGUAGES)[number];

export const WORDS: Record<Language, Words> = { en, de, fr, es };

/** English of no country: days before months, 24 hours. */
const LOCALES: Record<Language, string> = { en: "en-GB", de: "de", fr: "fr", es: "es" };

/** More than any browser sends, and no more than is worth reading. */
const ACCEPT_CHARACTERS_MAX = 500;

/** The best of ours for an `Accept-Language`. RFC 9110, 12.5.4; a region is ignored (RFC 4647, 3.4). */
export function languageOf(acceptLanguage: string | null | undefined): Language {
  const ranges = (acceptLanguage ?? "").slice(0, ACCEPT_CHARACTERS_MAX).split(",").map(rangeOf);
  const named = new Map<string, number>();
  for (const { tag, quality } of ranges) {
    if (quality >= 0) named.set(tag, Math.max(quality, named.get(tag) ?? 0));
  }
  const others = named.get("*") ?? 0;
  const wanted = (language: Language) => named.get(language) ?? others;
  // Of equals the one that was named first; a `Map` keeps that order.
  const order = Array.from(named.keys());
  const place = (language: Language) => (order.includes(language) ? order.indexOf(language) : 1000);
  const [best] = LANGUAGES.filter((language) => wanted(language) > 0).toSorted(
    (a, b) => wanted(b) - wanted(a) || place(a) - place(b),
  );
  return best ?? LANGUAGES[0];
}

/** `de-AT;q=0.7` is German with 0.7. What is malformed asks for nothing. */
function rangeOf(text: string): { tag: string; quality: number } {
  const match =
    /^\s*(\*|[a-z]{1,8})(?:-[a-z0-9]{1,8})*\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?$/i.exec(text);
  if (!match) return { tag: "", quality: -1 };
  return { tag: match[1]!.toLowerCase(), quality: Math.min(1, Number(match[2] ?? 1)) };
}

/** A sentence with its gaps filled. */
export function fill(sentence: string, gaps: Record<string, string | number>): string {
  return sentence.replaceAll(/\{(\w+)\}/g, (gap, name: string) => String(gaps[name] ?? gap));
}

/** For people, and for machines; `undefined` for what no calendar has. */
export function instantText(
  language: Language,
  at: number,
): { text: string; datetime: string } | undefined {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return undefined;
  const format = new Intl.DateTimeFormat(LOCALES[language], {
    weekday: "long",
    day: "numeric",
    month: "long",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    timeZone: "UTC",
    timeZoneName: "short",
  });
  return { text: format.format(date), datetime: date.toISOString() };
}

/** A day without a time: what somebody answered to a question for a date. */
export function dateText(language: Language, text: string): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  return new Intl.DateTimeFormat(LOCALES[language], { dateStyle: "long", timeZone: "UTC" }).format(
    date,
  );
}

export function numberText(language: Language, number: number): string {
  return new Intl.NumberFormat(LOCALES[language], { maximumSignificantDigits: 17 }).format(number);
}

const FORMAT_WORDS: Record<string, keyof Words> = {
  date: "date",
  "date-time": "dateTime",
  email: "email",
  uri: "uri",
};

/** A fault in the words of the page: what to do, not which keyword failed. */
export function faultText(language: Language, { keyword, expected }: ValueFault): string {
  const words = WORDS[language];
  if (keyword === "type" && (expected === "number" || expected === "integer"))
    return words[expected];
  if (keyword === "format") return words[FORMAT_WORDS[String(expected)] ?? "format"];
  const number = typeof expected === "number" ? numberText(language, expected) : String(expected);
  return fill(words[keyword], { expected: number });
}
