/**
 * Brings both servers to the state of one that has been up for a while: what is asked is how fast
 * compiled code is, not how soon the runtime compiles it. One promise each, settled long ago, is
 * settled again and read; no row is measured on it.
 */
import { ask, runLoad } from "./load.ts";
import type { Plan } from "./plan.ts";
import { CREATE_BODY, SETTLE_BODY, type Target } from "./target.ts";

export async function warmUp(targets: readonly Target[], { warmUps }: Plan): Promise<void> {
  for (const target of targets) {
    const path = target.path("warm");
    await target.pace(1);
    await runLoad(target, 1, async (line) => {
      await ask(line, 201, "PUT", path, CREATE_BODY);
      await ask(line, 201, "PATCH", path, SETTLE_BODY);
    });
    // The floor knows no settled promise and writes again; ours says who won.
    const again = target.name === "ours" ? 403 : 201;
    await runLoad(target, warmUps, async (line) => {
      await ask(line, again, "PATCH", path, SETTLE_BODY);
      await ask(line, 200, "GET", path);
    });
  }
}
