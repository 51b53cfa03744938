/**
 * The Worker as one ES module for workerd, made the way `wrangler deploy` makes it: the same
 * conditions, the same externals. Knows nothing of where it will run or what it is given.
 */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { build, type Plugin } from "esbuild";

/**
 * Bundles the Worker whose entry is `main` and returns the text of the module.
 *
 * @param instead files to take in place of others, by their absolute paths
 */
export async function bundleWorker(
  main: string,
  instead: Record<string, string> = {},
): Promise<string> {
  const result = await build({
    entryPoints: [main],
    plugins: [replacing(instead)],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    // workerd offers Web APIs and, behind `node:`, some of Node's; neither is to be resolved here.
    platform: "neutral",
    external: ["cloudflare:*", "node:*"],
    conditions: ["workerd", "worker", "browser"],
    mainFields: ["browser", "module", "main"],
    jsx: "automatic",
    jsxImportSource: "hono/jsx",
    // Class names are part of what the runtime and the logs see; wrangler keeps them too.
    keepNames: true,
    sourcemap: "inline",
    logLevel: "silent",
  });
  const [module] = result.outputFiles;
  if (module === undefined) throw new Error(`esbuild made nothing of ${main}`);
  return module.text;
}

function replacing(instead: Record<string, string>): Plugin {
  return {
    name: "replacing",
    setup({ onLoad }) {
      for (const [path, other] of Object.entries(instead)) {
        const exactly = new RegExp(`^${path.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
        onLoad({ filter: exactly }, () => ({
          contents: readFileSync(other, "utf8"),
          loader: "ts",
          resolveDir: dirname(path),
        }));
      }
    },
  };
}
