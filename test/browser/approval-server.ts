/**
 * The approval page behind a tiny server of its own: no promise, no link, only the pages, the form
 * that is read back, and events that a test sends. It keeps what it was asked and sent.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { build } from "esbuild";
import { approvalHeaders } from "../../src/http/pages/approval-headers.ts";
import { approvalPage, linkGonePage, type ApprovalModel } from "../../src/http/pages/approval.tsx";
import { readForm, type FormAnswer } from "../../src/http/pages/form-data.ts";
import { languageOf } from "../../src/http/pages/texts.ts";

const BROWSER = join(import.meta.dirname, "../../src/http/pages/browser");

export interface Sent {
  body: URLSearchParams;
  headers: IncomingMessage["headers"];
  answer?: FormAnswer;
}

export interface PageServer {
  url: string;
  /** What is at a name: a model, or `undefined` for a link that is gone. Tests may change it. */
  models: Map<string, ApprovalModel | undefined>;
  sent: Sent[];
  /** Tells every page that follows. */
  tell: (type: string) => void;
  /** How many lines by which a page follows are open. */
  followers: (name: string) => number;
  /** How many there have been. */
  followed: (name: string) => number;
  stop: () => Promise<void>;
}

export async function startPages(): Promise<PageServer> {
  const assets = await bundleAssets();
  const models: PageServer["models"] = new Map();
  const sent: Sent[] = [];
  const open = new Map<ServerResponse, string>();
  const followed: string[] = [];

  async function show(request: IncomingMessage, response: ServerResponse, name: string) {
    const model = models.get(name);
    const language = languageOf(request.headers["accept-language"]);
    const own = { action: `/l/${name}`, live: `/live/${name}`, language };
    let page = model && { ...model, ...own };
    let status = model ? 200 : 404;
    if (request.method === "POST" && page?.choice.kind === "choose") {
      const body = new URLSearchParams(await textOf(request));
      const approves = body.get("outcome") === "resolved";
      const { schema } = page.choice;
      const answer = approves && schema ? readForm(schema, body) : undefined;
      sent.push({ body, headers: request.headers, ...(answer && { answer }) });
      const reason = body.get("reason") ?? "";
      if (answer && answer.faults.length > 0) {
        page = { ...page, values: answer.texts, errors: answer.faults, reason };
        status = 422;
      } else {
        const outcome = approves ? "resolved" : "rejected";
        const value = approves ? answer?.value : reason;
        const decided = {
          at: page.now,
          outcome,
          isYou: true,
          ...(value !== undefined && { value }),
        } as const;
        models.set(name, { ...page, promise: { ...page.promise, state: outcome }, decided });
        response.writeHead(303, { location: `/l/${name}` }).end();
        return;
      }
    }
    response.writeHead(status, approvalHeaders());
    response.end(await (page ? approvalPage(page) : linkGonePage(language)));
  }

  const server = createServer((request, response) => {
    const [, room = "", name = ""] = (request.url ?? "").split("/");
    const asset = assets.get(name);
    if (room === "l") void show(request, response, name);
    else if (room === "live") {
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      response.write("event: pending\ndata: {}\n\n");
      open.set(response, name);
      followed.push(name);
      response.on("close", () => open.delete(response));
    } else if (asset) response.writeHead(200, { "content-type": asset.type }).end(asset.text);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  // SAFETY: it listens on a port.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    models,
    sent,
    tell: (type) => {
      for (const response of open.keys()) response.write(`event: ${type}\ndata: {}\n\n`);
    },
    followers: (name) => Array.from(open.values()).filter((other) => other === name).length,
    followed: (name) => followed.filter((other) => other === name).length,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Apart from `npm run build`, whose folder others use at the same time. */
async function bundleAssets(): Promise<Map<string, { type: string; text: string }>> {
  const { outputFiles } = await build({
    entryPoints: [join(BROWSER, "approval.ts"), join(BROWSER, "approval.css")],
    outdir: BROWSER,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
    logLevel: "silent",
  });
  return new Map(
    outputFiles.map(({ path, text }) => {
      const type = path.endsWith(".js") ? "text/javascript" : "text/css";
      return [path.slice(BROWSER.length + 1), { type, text }];
    }),
  );
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}
