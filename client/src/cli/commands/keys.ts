/** `keys`: API keys that may do less than one's own. */
import { type ApiKey, SCOPES } from "../../index.ts";
import { type Command, UsageError } from "../command.ts";
import { fromNow, instantText } from "../look.ts";
import { harmless } from "../screen.ts";
import { printCard, printJson, printTable } from "../show.ts";
import type { Column } from "../table.ts";

const create: Command = {
  name: "keys create",
  takes: "<name>",
  summary: "make a key; it is shown only now",
  flags: {
    scope: { takes: "<scope>", many: true, oneOf: SCOPES, help: SCOPES.join(", ") },
    prefix: { takes: "<prefix>", many: true, help: "an id, or the beginning of ids and a *: ci/*" },
    "expires-in": { takes: "<duration>", help: "90d (never)" },
    quiet: { short: "q", help: "print the key only" },
  },
  examples: ["keys create ci --scope create --scope read --prefix 'ci/*' --expires-in 90d"],
  run: async (session) => {
    const { args, promises, calls, screen, json } = session;
    const scopes = args.choices("scope", SCOPES);
    const prefixes = args.texts("prefix");
    if (scopes.length === 0) throw new UsageError("keys create needs --scope");
    if (prefixes.length === 0) throw new UsageError("keys create needs --prefix; '*' is all");
    const expiresIn = args.text("expires-in");
    const key = await promises.keys.create(args.word(0), {
      ...calls,
      scopes,
      prefixes,
      ...(expiresIn !== undefined && { expiresIn }),
    });
    if (args.is("quiet")) return screen.print(key.key);
    if (json) return printJson(session, key);
    printCard(session, [
      ["key", key.key],
      ["id", key.id],
      ["name", key.name],
      ["scopes", key.scopes.join(", ")],
      ["prefixes", key.prefixes.join(" ")],
      ["expires", instantText(key.expiresAt, Date.now())],
    ]);
  },
};

const list: Command = {
  name: "keys list",
  summary: "all that are one's own to give, the oldest first",
  run: async (session) => {
    const { promises, calls, screen, json } = session;
    const all = await promises.keys.list(calls);
    const now = Date.now();
    if (json) for (const key of all) printJson(session, key);
    else
      printTable(
        screen,
        COLUMNS,
        all.map((key) => rowOf(key, now)),
      );
  },
};

const revoke: Command = {
  name: "keys revoke",
  takes: "<key-id>",
  summary: "end a key, everywhere within 5 s",
  run: async ({ args, promises, calls, screen, json }) => {
    await promises.keys.revoke(args.word(0), calls);
    if (!json) screen.note(`revoked ${harmless(args.word(0))}`);
  },
};

export const keys: readonly Command[] = [create, list, revoke];

const COLUMNS: readonly Column[] = [
  { title: "ID" },
  { title: "NAME", shrinks: "end" },
  { title: "SCOPES" },
  { title: "EXPIRES" },
  { title: "PREFIXES", shrinks: "end" },
];

function rowOf({ id, name, scopes, prefixes, expiresAt }: ApiKey, now: number): string[] {
  return [
    id,
    harmless(name),
    scopes.join(","),
    fromNow(expiresAt, now),
    harmless(prefixes.join(" ")),
  ];
}
