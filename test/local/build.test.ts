/** What the build puts into the folder of static files, also when it runs beside itself. */
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { buildAssets } from "../../src/local/build.ts";
import { readProject } from "../../src/local/project.ts";

const ASSETS = join(readProject().assets.directory, "assets");
const SWAGGER_UI = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));

it("serves swagger-ui without a network", async () => {
  await buildAssets();
  for (const name of ["swagger-ui.css", "swagger-ui-bundle.js"]) {
    const [built, source] = [join(ASSETS, name), join(SWAGGER_UI, name)];
    // Compared by Buffer, because a difference of two megabytes takes seconds to describe.
    expect((await readFile(built)).equals(await readFile(source))).toBe(true);
  }
});

it("never shows half a file to those who read while others build", async () => {
  await buildAssets();
  const bundle = join(ASSETS, "swagger-ui-bundle.js");
  const { size } = await stat(bundle);
  const builds = [buildAssets(), buildAssets(), buildAssets(), buildAssets()];
  const done = Promise.all(builds).then(() => "done" as const);
  while ((await Promise.race([done, stat(bundle).then((file) => file.size)])) !== "done") {
    expect((await stat(bundle)).size).toBe(size);
  }
});

it("leaves nothing beside the folder that it fills", async () => {
  await buildAssets();
  expect(await readdir(join(ASSETS, ".."))).toEqual(["assets"]);
});
