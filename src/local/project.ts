/**
 * What wrangler.toml says about this project, in the few words that workerd needs. wrangler.toml is
 * the one source of truth: the local server and Cloudflare run the same classes, bindings and
 * compatibility date. Knows nothing of builds, processes or the workerd config language.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parse } from "smol-toml";

/** The folder that holds wrangler.toml. */
export const ROOT: string = resolve(import.meta.dirname, "../..");

/** The name of a binding and the Durable Object class behind it. */
export interface ObjectBinding {
  name: string;
  className: string;
}

export interface Project {
  /** The entry of the Worker, absolute. */
  main: string;
  compatibilityDate: string;
  compatibilityFlags: string[];
  /** Every Durable Object class, bound or not. */
  classes: string[];
  objects: ObjectBinding[];
  /** The folder of static files, absolute, and the binding that serves it. */
  assets: { directory: string; binding: string };
}

export function readProject(): Project {
  return parseProject(readFileSync(resolve(ROOT, "wrangler.toml"), "utf8"), ROOT);
}

export function parseProject(text: string, root: string): Project {
  const toml = table(parse(text), "wrangler.toml");
  const assets = table(toml["assets"], "assets");
  const objects = list(table(toml["durable_objects"], "durable_objects")["bindings"]).map(
    (entry) => {
      const binding = table(entry, "durable_objects.bindings");
      return {
        name: string(binding["name"], "durable_objects.bindings.name"),
        className: string(binding["class_name"], "durable_objects.bindings.class_name"),
      };
    },
  );
  // A class may be declared by a migration and reached without a binding, or the other way round
  // while the file is being edited. workerd must know both kinds.
  const declared = list(toml["migrations"]).flatMap((entry) =>
    list(table(entry, "migrations")["new_sqlite_classes"]).map((name) =>
      string(name, "migrations.new_sqlite_classes"),
    ),
  );
  return {
    main: resolve(root, string(toml["main"], "main")),
    compatibilityDate: string(toml["compatibility_date"], "compatibility_date"),
    compatibilityFlags: list(toml["compatibility_flags"]).map((flag) =>
      string(flag, "compatibility_flags"),
    ),
    classes: [...new Set([...objects.map((binding) => binding.className), ...declared])],
    objects,
    assets: {
      directory: resolve(root, string(assets["directory"], "assets.directory")),
      binding: string(assets["binding"], "assets.binding"),
    },
  };
}

function table(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    // SAFETY: an object that is neither null nor an array is a table of TOML.
    return value as Record<string, unknown>;
  }
  throw new Error(`wrangler.toml: ${name} is not a table`);
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function string(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  throw new Error(`wrangler.toml: ${name} is not a string`);
}
