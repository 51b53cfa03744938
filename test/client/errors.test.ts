import { describe, expect, test } from "vitest";
import * as client from "../../client/src/index.ts";
import type { PromiseRecord } from "../../client/src/protocol.ts";
import { judge } from "../../client/src/transport.ts";

const record: PromiseRecord = {
  id: "a",
  state: "REJECTED",
  param: {},
  value: { data: { message: "help!" } },
  timeout: client.NEVER,
  tags: {},
  createdOn: 1,
  completedOn: 2,
  url: "http://x/promises/a",
};
const problem = (code: client.ErrorCode, more: object = {}) => ({
  type: "about:blank",
  title: client.ERRORS[code].title,
  status: client.ERRORS[code].status,
  code,
  detail: "d",
  error: { code: client.ERRORS[code].number, message: "m" },
  ...more,
});
const answer = (status: number, body: unknown, headers: Record<string, string> = {}) => ({
  status,
  headers: new Headers(headers),
  text: typeof body === "string" ? body : JSON.stringify(body),
});
function judged(...args: Parameters<typeof answer>): unknown {
  try {
    return judge(answer(...args), 0);
  } catch (error) {
    return error;
  }
}

describe("an answer", () => {
  test("that succeeds is its body and its outcome", () => {
    const headers = { "promise-outcome": "repeated" };
    expect(judged(200, record, headers)).toEqual({
      status: 200,
      outcome: "repeated",
      body: record,
    });
    expect(judged(204, "")).toEqual({ status: 204, outcome: undefined, body: undefined });
  });

  test("with an outcome yet to be invented has none that we know", () => {
    expect(judged(200, record, { "promise-outcome": "split" })).toMatchObject({
      outcome: undefined,
    });
  });

  test.each([
    ["not_found", client.isNotFoundError, {}],
    ["exists", client.isExistsError, { promise: record }],
    ["already_rejected", client.isAlreadySettledError, { promise: record }],
    ["already_voted", client.isVoteError, { promise: record }],
    ["not_a_voter", client.isVoteError, { promise: record }],
    ["invalid_value", client.isInvalidValueError, { errors: [] }],
    ["invalid_value", client.isApiError, {}],
    ["link_not_found", client.isApiError, {}],
    ["disposed", client.isDisposedError, {}],
    ["unauthorized", client.isApiError, {}],
    ["exists", client.isApiError, {}],
  ] as const)("%s becomes its class", (code, guard, more) => {
    const error = judged(client.ERRORS[code].status, problem(code, more));
    expect(guard(error)).toBe(true);
    expect(error).toMatchObject({ code, ...("promise" in more && { record }) });
  });

  test("keeps status, field and Retry-After", () => {
    const error = judged(400, problem("invalid_request", { field: "timeout" }), {
      "retry-after": "2",
    });
    expect(error).toMatchObject({
      status: 400,
      field: "timeout",
      retryAfterMs: 2000,
      retryable: false,
    });
  });

  test("of a stranger says so and quotes it", () => {
    const error = judged(404, "<h1>nginx</h1>");
    expect(error).toMatchObject({ code: "unexpected_answer", status: 404 });
    expect((error as Error).message).toContain("<h1>nginx</h1>");
    expect(judged(200, "<html>log in</html>")).toMatchObject({ code: "unexpected_answer" });
    expect(judged(502, "bad gateway")).toMatchObject({ retryable: true });
  });
});

describe("an error", () => {
  test("of a rejection says what the rejection says", () => {
    expect(new client.RejectedError({ record })).toMatchObject({
      name: "RejectedError",
      message: "help!",
      reason: { message: "help!" },
      state: "REJECTED",
      record,
    });
    expect(new client.RejectedError({ message: "no" })).toMatchObject({
      message: "no",
      reason: "no",
    });
  });

  test("keeps its cause and its literal name", () => {
    const cause = new Error("ECONNREFUSED");
    const error = new client.ConnectionError("cannot reach x", cause);
    expect(error.cause).toBe(cause);
    expect(String(error)).toBe("ConnectionError: cannot reach x");
    expect(error.retryable).toBe(true);
  });

  test("is recognised across copies of the package, and nothing else is", () => {
    const copy = Object.assign(new Error("x"), { name: "NotFoundError" });
    expect(client.isNotFoundError(copy)).toBe(false);
    Object.defineProperty(copy, Symbol.for("durable-promises.error"), { value: true });
    expect(client.isNotFoundError(copy)).toBe(true);
    expect(client.isApiError(copy)).toBe(true);
    for (const other of [null, undefined, "x", {}])
      expect(client.isDurablePromiseError(other)).toBe(false);
  });

  test("of our own limit names the promise and the last thing that went wrong", () => {
    const cause = new client.ConnectionError("cannot reach x");
    expect(new client.TimeoutError(5, { id: "a", cause }).message).toBe(
      'promise "a" was not settled within 5 ms: cannot reach x',
    );
  });
});
