/**
 * Links as callers meet them: made with a key, opened without one, decided by JSON or by the form of
 * their page. It fails only where a test cannot go on; everything else the tests judge.
 */
import { createHash } from "node:crypto";
import { expect } from "vitest";
import type { PromiseRecord, SettledBy, Vote } from "../../client/src/protocol.ts";
import { freshId, type Answer, type Service } from "./service.ts";

export const HTML = { accept: "text/html" };
export const FORM = { "content-type": "application/x-www-form-urlencoded" };

/** As `POST /links` and `GET /links` show one. */
export interface ShownLink {
  id: string;
  promise: string;
  allow: string;
  uses: number;
  usesMax: number;
  standing: string;
  createdOn: number;
  expiresOn: number;
  revokedOn?: number;
  audience?: string;
  note?: string;
  createdBy?: string;
  outcome?: { state: string; value: { data?: unknown } };
  mapping?: object;
  verifier?: object;
}

/** With what only its maker is told. */
export interface MadeLink extends ShownLink {
  url: string;
  /** `/l/<token>` or `/c/<token>`. */
  path: string;
  token: string;
}

/** What an API caller is answered at a link. */
export interface LinkAnswer {
  promise: string;
  state: string;
  allow: string;
  outcome?: string;
  audience?: string;
  standing: string;
  form: object;
  votes?: Vote[];
  completedOn?: number;
  settledBy?: SettledBy;
}

export async function makeLink(
  service: Service,
  promise: string,
  more: object = {},
): Promise<MadeLink> {
  const answer = await service.send("POST", "/links", { body: { promise, ...more } });
  expect(answer.status, answer.text).toBe(201);
  return linkOf(answer);
}

export function linkOf({ text }: Answer): MadeLink {
  // SAFETY: the tests assert what it really is.
  const made = JSON.parse(text) as MadeLink;
  const path = new URL(made.url).pathname;
  return { ...made, path, token: path.slice(3) };
}

/** A new promise and a link to it. */
export async function promiseAndLink(
  service: Service,
  more: object = {},
  promise: object = {},
): Promise<{ id: string; link: MadeLink }> {
  const id = freshId("linked");
  const created = await service.create(id, promise);
  expect(created.status, created.text).toBe(201);
  return { id, link: await makeLink(service, id, more) };
}

export async function shownLinks(service: Service, promise: string): Promise<ShownLink[]> {
  const answer = await service.send("GET", `/links?promise=${encodeURIComponent(promise)}`);
  expect(answer.status, answer.text).toBe(200);
  // SAFETY: as above.
  return (JSON.parse(answer.text) as { links: ShownLink[] }).links;
}

export function revoke(service: Service, { id }: ShownLink): Promise<Answer> {
  return service.send("DELETE", `/links/${id}`);
}

/** As an API caller. */
export function decide(
  service: Service,
  { path }: MadeLink,
  body: unknown = { state: "RESOLVED" },
  headers: Record<string, string> = {},
): Promise<Answer> {
  return service.send("POST", path, { body, headers });
}

/** The page, as a browser asks for it. */
export function openPage(
  service: Service,
  { path }: MadeLink,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return service.send("GET", path, { headers: { ...HTML, ...headers } });
}

export function csrfOf({ text }: Answer): string {
  const [, csrf] = /name="csrf" value="([^"]+)"/.exec(text) ?? [];
  expect(csrf, "the page has no form").toBeDefined();
  return csrf ?? "";
}

/** Of a page that somebody has still open: those who may not decide are shown no form. */
export function staleCsrf(path: string): string {
  const token = path.slice("/l/".length);
  return createHash("sha256").update(`form ${token}`).digest("hex").slice(0, 32);
}

/** As a browser sends the page's form: the page first, then what is in it. */
export async function submit(
  service: Service,
  link: MadeLink,
  entries: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const csrf = csrfOf(await openPage(service, link));
  return send(service, link, { csrf, ...entries }, headers);
}

/** A form, whoever has made it. */
export function send(
  service: Service,
  { path }: MadeLink,
  entries: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const body = new URLSearchParams(entries).toString();
  return service.send("POST", path, { body, headers: { ...FORM, ...HTML, ...headers } });
}

export async function recordAt(service: Service, id: string): Promise<PromiseRecord> {
  const answer = await service.read(id);
  expect(answer.status, answer.text).toBe(200);
  // SAFETY: as above.
  return JSON.parse(answer.text) as PromiseRecord;
}

export function answerOf({ text }: Answer): LinkAnswer {
  // SAFETY: as above.
  return JSON.parse(text) as LinkAnswer;
}
