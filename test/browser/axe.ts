/**
 * axe-core in a page: what an automated check finds wrong for people with disabilities. Its source
 * is read from node_modules and evaluated by the debugger, which no content policy forbids.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

const require = createRequire(import.meta.url);

const source = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

interface Results {
  violations: {
    id: string;
    impact: string;
    nodes: { target: unknown; failureSummary: string }[];
  }[];
}

/** Everything found, best practices included: `rule: element: what to do`. */
export async function findingsOf(page: Page): Promise<string[]> {
  await page.evaluate(source);
  // SAFETY: axe.run's documented answer.
  const { violations } = (await page.evaluate(
    "axe.run(document, { resultTypes: ['violations'] })",
  )) as Results;
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(
      ({ target, failureSummary }) => `${impact} ${id}: ${String(target)}: ${failureSummary}`,
    ),
  );
}
