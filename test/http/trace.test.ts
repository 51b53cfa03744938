/**
 * Spans of the edge. The runtime here samples nothing, so a recorder stands in for it; that our own
 * spans harm nothing where they are not sampled is tried on the runtime itself.
 */
import { createExecutionContext } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { Env } from "../../src/env.ts";
import { app } from "../../src/http/app.ts";
import { guarded, ADMIN, ORIGIN } from "./guarded.ts";

interface Recorded {
  name: string;
  attributes: Record<string, unknown>;
}

function recorder(isTraced: boolean): { spans: Recorded[]; tracing: object } {
  const spans: Recorded[] = [];
  function enterSpan<T>(name: string, work: (span: object) => T): T {
    const recorded: Recorded = { name, attributes: {} };
    spans.push(recorded);
    const setAttributes = (more: object): void => void Object.assign(recorded.attributes, more);
    return work({ isTraced, setAttributes });
  }
  return { spans, tracing: { enterSpan } };
}

async function create(env: Env, tracing: object, id: string): Promise<Response> {
  const headers = { ...ADMIN.headers, "content-type": "application/json", "x-request-id": "r1" };
  const init = { method: "PUT", headers, body: "{}" };
  const context = Object.assign(createExecutionContext(), { tracing });
  return app.fetch(new Request(`${ORIGIN}/promises/${id}`, init), env, context);
}

describe("with TRACE", () => {
  const env = guarded({ TRACE: "on" });

  it("a request has a span that says what it was, and nothing that came with it", async () => {
    const { spans, tracing } = recorder(true);
    expect((await create(env, tracing, "trace/1")).status).toBe(201);
    expect(spans).toEqual([
      {
        name: "edge",
        attributes: {
          requestId: "r1",
          method: "PUT",
          route: "/promises/:id+",
          kind: undefined,
          status: 201,
          principal: "secret-1",
          principalKind: "secret",
          promise: "trace/1",
          outcome: "created",
        },
      },
    ]);
  });

  it("what is not sampled is not described", async () => {
    const { spans, tracing } = recorder(false);
    expect((await create(env, tracing, "trace/2")).status).toBe(201);
    expect(spans).toEqual([{ name: "edge", attributes: {} }]);
  });
});

it("without TRACE there is no span", async () => {
  const { spans, tracing } = recorder(true);
  expect((await create(guarded({}), tracing, "trace/3")).status).toBe(201);
  expect(spans).toEqual([]);
});
