/**
 * `npm run build`: fills the folder of static files. Each script and style of the pages is
 * bundled for the browser, and swagger-ui is copied in, so that the API page works offline. Runs in
 * parallel with itself without harm. Knows nothing of the Worker (see bundle.ts).
 */
import { randomUUID } from "node:crypto";
import { copyFile, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { build } from "esbuild";
import { readProject, ROOT } from "./project.ts";

const BROWSER = join(ROOT, "src/http/pages/browser");
const require = createRequire(import.meta.url);
const SWAGGER_UI = dirname(require.resolve("swagger-ui-dist/package.json"));
const SWAGGER_UI_FILES = ["swagger-ui.css", "swagger-ui-bundle.js"];

/** Builds into `<assets>/assets/`, which is served as `/assets/`. */
export async function buildAssets(): Promise<void> {
  const target = join(readProject().assets.directory, "assets");
  // Written aside and renamed into place, because a rename is atomic: a server or a second build
  // sees a file whole or not at all. Aside is beside the served folder, so on the same disk.
  const aside = join(ROOT, ".build", `assets-${randomUUID()}`);
  await mkdir(aside, { recursive: true });
  await mkdir(target, { recursive: true });
  try {
    await Promise.all([bundlePages(aside), copySwaggerUi(aside)]);
    const built = await readdir(aside);
    await Promise.all(built.map((name) => rename(join(aside, name), join(target, name))));
    await removeStale(target, new Set(built));
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function bundlePages(folder: string): Promise<void> {
  const entryPoints = await browserEntries();
  if (entryPoints.length === 0) return;
  const { outputFiles } = await build({
    entryPoints,
    outdir: folder,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    // The folder's own tsconfig says `hono/jsx`, for what the server draws too is in it, and would win.
    tsconfigRaw: { compilerOptions: { jsx: "react-jsx", jsxImportSource: "hono/jsx/dom" } },
    legalComments: "none",
    write: false,
    logLevel: "silent",
  });
  await Promise.all(
    outputFiles.map((file) => writeFile(join(folder, basename(file.path)), file.contents)),
  );
}

/** The files right in the folder are entries; what they share belongs in folders below it. */
async function browserEntries(): Promise<string[]> {
  const files = await readdir(BROWSER, { withFileTypes: true }).catch(() => []);
  return files
    .filter(
      (file) => file.isFile() && /\.(tsx?|css)$/.test(file.name) && !file.name.endsWith(".d.ts"),
    )
    .map((file) => join(BROWSER, file.name));
}

async function copySwaggerUi(folder: string): Promise<void> {
  await Promise.all(
    SWAGGER_UI_FILES.map((name) => copyFile(join(SWAGGER_UI, name), join(folder, name))),
  );
}

/** Without this, a script that was renamed would be deployed under its old name for ever. */
async function removeStale(folder: string, fresh: Set<string>): Promise<void> {
  const stale = (await readdir(folder)).filter((name) => !fresh.has(name));
  await Promise.all(stale.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

if (import.meta.main) await buildAssets();
