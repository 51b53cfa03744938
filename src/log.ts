/**
 * Log entries: one object each, with a level, a message, and fields to search by. On Cloudflare it
 * goes out as an object, whose fields Workers Logs indexes; on one machine as a line of JSON, for the
 * runtime there would spread it over several. It decides nothing about what is worth logging.
 *
 * Never a URL as it came, nor a header: some give their holder a right.
 */
type Level = "info" | "warn" | "error";
type Fields = Record<string, string | number | boolean | undefined>;

/** Of the whole isolate, so that whoever has something to say needs no setting for it. */
let asLines = false;

/** @param format `lines`, or nothing for objects */
export function logAs(format: string | undefined): void {
  asLines = format === "lines";
}

export function log(level: Level, message: string, fields: Fields = {}): void {
  const entry = { level, message, ...fields };
  if (asLines) console[level](JSON.stringify({ at: new Date().toISOString(), ...entry }));
  else console[level](entry);
}

/** Something of ours went wrong; whoever asked is told nothing about it. */
export function logFailure(message: string, error: unknown, fields: Fields = {}): void {
  const text = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  log("error", message, { ...fields, error: text });
}
