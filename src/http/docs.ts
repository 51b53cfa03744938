/**
 * The API described: OpenAPI 3.1 at `/openapi.json`, a page to read and try it at `/docs`, and the
 * static files of our pages. Everything comes from here; nothing is loaded from elsewhere.
 */
import type { C } from "./edge.ts";
import { Refusal } from "./errors.ts";
import { openApiDocument } from "./openapi.ts";
import { originOf } from "./promises.ts";

export function openApi(c: C): Response {
  return c.json(openApiDocument(originOf({ env: c.env, request: c.req.raw })));
}

export function apiPage(c: C): Response | Promise<Response> {
  c.header(
    "content-security-policy",
    // Swagger UI styles its parts inline and draws its icons as data.
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; " +
      "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
  return c.html(
    `<!doctype html><html lang="en"><head><meta charset="utf-8">` +
      `<meta name="viewport" content="width=device-width, initial-scale=1">` +
      `<title>Durable Promises: the API</title><link rel="icon" href="data:,">` +
      `<link rel="stylesheet" href="/assets/swagger-ui.css"></head><body><div id="docs"></div>` +
      `<script src="/assets/swagger-ui-bundle.js"></script>` +
      `<script type="module" src="/assets/docs.js"></script></body></html>`,
  );
}

const MEDIA_TYPES: Record<string, string> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
};

/** `/assets/:name`: one of the files that the build made. */
export async function asset(c: C): Promise<Response> {
  const name = c.req.param("name") ?? "";
  const mediaType = MEDIA_TYPES[name.split(".").at(-1) ?? ""];
  if (!/^[\w-]+\.\w+$/.test(name) || mediaType === undefined) throw noAsset(name);
  const file = await c.env.ASSETS.fetch(`http://assets/assets/${name}`);
  if (!file.ok) throw noAsset(name);
  return new Response(file.body, {
    headers: { "content-type": mediaType, "cache-control": "public, max-age=300" },
  });
}

function noAsset(name: string): Refusal {
  return new Refusal("no_route", `There is no file "${name}"`);
}
