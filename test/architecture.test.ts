/**
 * Who may import whom, as a table. A room that is not in the table may not exist; an import that is
 * not in its row fails here, by name. The machine besides reads no clock and awaits nothing.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "..");

/** A room: the files that begin with `path`. The longest match is a file's room. */
interface Room {
  path: string;
  /** Beginnings of what its files may import: paths from the root, or package names. */
  may: string[];
  /** Of these only types: the code behind them stays on its side of the wall. */
  mayType?: string[];
  /** Of what `may` allows, not these. */
  mustNot?: string[];
}

const ROOMS: Room[] = [
  { path: "client/src/protocol.ts", may: [] },
  { path: "client/src/", may: ["client/src/"], mustNot: ["client/src/cli/"] },
  // The React of whoever's app it is: nothing else in the client may ask for it.
  {
    path: "client/src/react.ts",
    may: ["client/src/", "react"],
    mustNot: ["client/src/cli/"],
  },
  // The command line is a program of Node's; the package around it must not become one.
  { path: "client/src/cli/", may: ["client/src/", "node:"] },
  { path: "client/examples/", may: ["client/src/index.ts", "node:", "@resonatehq/sdk"] },
  { path: "src/machine/", may: ["src/machine/", "client/src/protocol.ts"] },
  // croner is a function of the pattern, the zone and the instant it is given: paused, it sets no timer.
  { path: "src/machine/schedule.ts", may: ["src/machine/", "client/src/protocol.ts", "croner"] },
  { path: "src/duration.ts", may: ["iso8601-duration"] },
  {
    path: "src/env.ts",
    may: ["src/duration.ts", "src/log.ts", "client/src/protocol.ts"],
    mayType: ["src/object/"],
  },
  { path: "src/log.ts", may: [] },
  { path: "src/in-memory.ts", may: ["src/env.ts"] },
  {
    path: "src/object/",
    may: [
      "src/object/",
      "src/log.ts",
      "src/in-memory.ts",
      "src/machine/",
      "src/env.ts",
      "client/src/protocol.ts",
      "client/src/webhook.ts",
      "cloudflare:workers",
    ],
  },
  {
    path: "src/http/pages/browser/",
    // The dashboard is a user of the client package like any other, at home.
    may: ["src/http/pages/browser/", "src/http/pages/markdown.tsx", "client/src/", "hono/jsx"],
  },
  {
    path: "src/http/",
    may: [
      "src/http/",
      "src/env.ts",
      "src/log.ts",
      "src/in-memory.ts",
      "src/duration.ts",
      "client/src/protocol.ts",
      // Pure: what a record looks like, what a link, an address or a form may be. Never a decision.
      "src/machine/",
      "hono",
      "valibot",
      "@valibot/to-json-schema",
      "@cfworker/json-schema",
    ],
    mayType: ["src/object/"],
  },
  { path: "src/local/", may: ["src/local/", "node:", "esbuild", "smol-toml"] },
  { path: "src/worker.ts", may: ["src/http/app.ts", "src/object/"] },
];

interface Import {
  file: string;
  target: string;
  typeOnly: boolean;
}

const files = ["src", "client/src", "client/examples"].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => join(folder, name)),
);

function importsOf(file: string): Import[] {
  const source = readFileSync(join(ROOT, file), "utf8");
  const statements = source.matchAll(
    /^(?:import|export)\s+(?<type>type\s)?[^;"']*?from\s+["'](?<from>[^"']+)["']|^import\s+["'](?<bare>[^"']+)["']|\bimport\(\s*["'](?<dynamic>[^"']+)["']/gm,
  );
  return Array.from(statements, ({ groups = {} }) => {
    const specifier = groups["from"] ?? groups["bare"] ?? groups["dynamic"] ?? "";
    const target = specifier.startsWith(".")
      ? relative(ROOT, join(ROOT, dirname(file), specifier))
      : specifier;
    return { file, target, typeOnly: groups["type"] !== undefined };
  });
}

function roomOf(file: string): Room | undefined {
  return ROOMS.filter(({ path }) => file.startsWith(path)).toSorted(
    (a, b) => b.path.length - a.path.length,
  )[0];
}

function isForbidden({ file, target, typeOnly }: Import): boolean {
  const room = roomOf(file);
  const allowed = [...(room?.may ?? []), ...(typeOnly ? (room?.mayType ?? []) : [])];
  if (room?.mustNot?.some((beginning) => target.startsWith(beginning))) return true;
  return !allowed.some((beginning) => target.startsWith(beginning));
}

describe("the rooms", () => {
  it("hold every source file", () => {
    expect(files.length).toBeGreaterThan(20);
    expect(files.filter((file) => !roomOf(file))).toEqual([]);
  });

  it("import only what their row allows", () => {
    const forbidden = files.flatMap(importsOf).filter(isForbidden);
    expect(forbidden.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
  });

  it("are walls that this test sees", () => {
    const machine = "src/machine/promise.ts";
    expect(isForbidden({ file: machine, target: "hono", typeOnly: false })).toBe(true);
    const object = "src/object/promise-object.ts";
    const app = "src/http/app.ts";
    expect(isForbidden({ file: app, target: object, typeOnly: false })).toBe(true);
    expect(isForbidden({ file: app, target: object, typeOnly: true })).toBe(false);
    const client = "client/src/client.ts";
    const cli = "client/src/cli/main.ts";
    expect(isForbidden({ file: client, target: cli, typeOnly: false })).toBe(true);
    expect(isForbidden({ file: client, target: "node:fs", typeOnly: false })).toBe(true);
    expect(isForbidden({ file: cli, target: client, typeOnly: false })).toBe(false);
  });
});

describe("the machine", () => {
  const sources = files
    .filter((file) => file.startsWith("src/machine/"))
    .map((file) => [file, readFileSync(join(ROOT, file), "utf8")] as const);

  it.each(sources)("%s reads no clock, draws no number and awaits nothing", (_, source) => {
    const code = source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|"[^"\n]*"/g, "");
    expect(code).not.toMatch(
      /\b(?:Date\.now|new Date\(\)|performance|Math\.random|crypto|fetch|setTimeout|await|async|Promise\.)\b/,
    );
  });
});

describe("the client package", () => {
  it("depends on nothing", () => {
    const manifest: Record<string, unknown> = JSON.parse(
      readFileSync(join(ROOT, "client/package.json"), "utf8"),
    );
    expect(manifest["dependencies"] ?? {}).toEqual({});
    expect(manifest["peerDependencies"] ?? {}).toEqual({});
  });
});
