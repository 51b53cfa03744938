/**
 * An export, request after request: each goes on behind the last mark of the one before, and a line
 * that breaks costs no more than it takes to ask again. Each promise comes once.
 */
import { ConnectionError, type ExportMark } from "../index.ts";
import { answerLines, Patience, type Transfer } from "./transfer.ts";

export type ExportStep =
  | { kind: "promise"; text: string }
  /** Everything before it is out: from here another export can go on. */
  | { kind: "mark"; cursor: string };

/** @param cursor of a mark, to go on behind it */
export async function* exporting(
  session: Transfer,
  path: string,
  cursor?: string,
): AsyncGenerator<ExportStep, void, undefined> {
  const patience = new Patience(session.signal);
  let from = cursor;
  /** What came after the last mark, and comes again when the line breaks. */
  const unmarked = new Set<string>();
  for (;;) {
    try {
      let gotFurther = false;
      for await (const text of answerLines(session, { method: "GET", path: at(path, from) })) {
        // SAFETY: the server's word for it; only what tells the two apart is looked at.
        const line = JSON.parse(text) as ExportMark | { id: string };
        if ("id" in line) {
          if (unmarked.has(line.id)) continue;
          unmarked.add(line.id);
          yield { kind: "promise", text };
          continue;
        }
        if (line.error !== undefined)
          throw new ConnectionError(`the export stopped: ${line.error}`);
        if (line.cursor === null) return;
        from = line.cursor;
        gotFurther = true;
        patience.renew();
        unmarked.clear();
        yield { kind: "mark", cursor: from };
      }
      if (!gotFurther) throw new ConnectionError("the export ended before its end");
    } catch (error) {
      await patience.waitOut(error);
    }
  }
}

function at(path: string, cursor: string | undefined): string {
  if (cursor === undefined) return path;
  return `${path}${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}`;
}
