import { test } from "vitest";
import { startService } from "/work/main/test/conformance/service.ts";
test("hang", async () => {
  const s = await startService({ env: { AWAITERS_MAX: "1" } });
  const measure = async (path: string, headers: Record<string,string>, path2 = path) => {
    const c = new AbortController(); const r = await fetch(s.url + path, { signal: c.signal, headers });
    const reader = r.body!.getReader(); await reader.read();
    c.abort(); const t0 = Date.now();
    for (;;) { 
      const c2 = new AbortController(); const r2 = await fetch(s.url + path2, { signal: c2.signal, headers });
      if (r2.status === 200 || Date.now() - t0 > 12000) { console.log(path, r2.status, Date.now() - t0); c2.abort(); break; }
      await r2.text(); await new Promise((r) => setTimeout(r, 20));
    }
  };
  await measure("/promises/x", { accept: "text/event-stream" });
  await s.stop();
}, 60000);
