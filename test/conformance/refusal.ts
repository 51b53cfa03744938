/** The shape that every refusal has: problem+json, our word, the published number, the field. */
import { expect } from "vitest";
import { ERRORS, type ErrorCode, type Problem } from "../../client/src/protocol.ts";
import { problemOf, type Answer } from "./service.ts";

/** Asserts that the answer refuses with this code, and names this field where one is given. */
export function expectRefusal(answer: Answer, code: ErrorCode, field?: string | RegExp): Problem {
  const { status, number, title } = ERRORS[code];
  expect(
    { status: answer.status, type: answer.headers.get("content-type")?.split(";")[0] },
    answer.text.slice(0, 500),
  ).toEqual({ status, type: "application/problem+json" });
  const problem = problemOf(answer);
  expect(problem).toMatchObject({ type: expect.any(String), title, status, code });
  expect(problem.detail).not.toBe("");
  expect(problem.error).toEqual({ code: number, message: expect.any(String) });
  if (typeof field === "string") expect(problem.field).toBe(field);
  else if (field !== undefined) expect(problem.field).toMatch(field);
  return problem;
}
