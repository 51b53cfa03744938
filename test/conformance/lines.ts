/** Exports and imports as callers make them: lines in, lines out. Judges nothing. */
import { expect } from "vitest";
import type {
  ExportedPromise,
  ExportMark,
  ImportedLine,
  ImportSummary,
} from "../../client/src/protocol.ts";
import type { Answer, Service } from "./service.ts";

export const NDJSON = { "content-type": "application/x-ndjson" };

export interface Exported {
  /** The lines that are promises, to the letter. */
  lines: string[];
  promises: ExportedPromise[];
  marks: ExportMark[];
}

export function linesIn(text: string): string[] {
  if (text === "") return [];
  expect(text.endsWith("\n")).toBe(true);
  return text.slice(0, -1).split("\n");
}

export function exportedIn(text: string): Exported {
  const exported: Exported = { lines: [], promises: [], marks: [] };
  for (const line of linesIn(text)) {
    const value = JSON.parse(line) as ExportedPromise | ExportMark;
    if ("cursor" in value) exported.marks.push(value);
    else {
      exported.lines.push(line);
      exported.promises.push(value);
    }
  }
  return exported;
}

/** One request: what it says in its last mark is the caller's matter. */
export async function exportOf(
  service: Service,
  query = "",
  headers: Record<string, string> = {},
): Promise<Exported> {
  const answer = await service.send("GET", `/export${query}`, { headers });
  expect(answer.status, answer.text).toBe(200);
  expect(answer.headers.get("content-type")).toBe("application/x-ndjson");
  return exportedIn(answer.text);
}

export function sendImport(
  service: Service,
  lines: readonly (string | object)[],
  headers: Record<string, string> = {},
): Promise<Answer> {
  const texts = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
  const body = texts.map((text) => `${text}\n`).join("");
  return service.send("POST", "/import", { body, headers: { ...NDJSON, ...headers } });
}

export interface Imported {
  results: ImportedLine[];
  summary: ImportSummary;
}

export async function importOf(
  service: Service,
  lines: readonly (string | object)[],
  headers: Record<string, string> = {},
): Promise<Imported> {
  const answer = await sendImport(service, lines, headers);
  expect(answer.status, answer.text).toBe(200);
  expect(answer.headers.get("content-type")).toBe("application/x-ndjson");
  const all = linesIn(answer.text).map((line) => JSON.parse(line) as ImportedLine & ImportSummary);
  const summary = all.pop();
  if (!summary) throw new Error("an import that says nothing");
  return { results: all, summary };
}
