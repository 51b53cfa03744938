/**
 * Two projects: `workers` runs inside workerd, with the objects at hand (evict, abort, storage);
 * `node` runs outside, against real servers, browsers and files.
 */
import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";

const root = new URL("..", import.meta.url).pathname;

/** Only a test that hangs is ended by it. A slow machine makes a test slow, never red. */
const PATIENCE = { testTimeout: 60_000, hookTimeout: 60_000 };

export default defineConfig({
  root,
  test: {
    // Real servers on two cores: patience, and one file's servers at a time in each worker.
    maxWorkers: 2,
    projects: [
      {
        root,
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: { bindings: { OPEN: "loopback", AWAITERS_MAX: "700" } },
          }),
        ],
        test: {
          name: "workers",
          include: ["test/object/**/*.test.ts", "test/http/**/*.test.ts"],
          ...PATIENCE,
        },
      },
      {
        root,
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/object/**", "test/http/**"],
          ...PATIENCE,
        },
      },
    ],
  },
});
