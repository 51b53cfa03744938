/** A list that is followed live, when the page that it needs cannot be had. */
import { afterEach, expect, it, vi } from "vitest";
import { listEvents, listSocket, type FollowedList } from "../../src/http/list-stream.ts";
import { fullPrincipal } from "../../src/http/principal.ts";
import { parseSearch } from "../../src/http/search-query.ts";
import { IndexObject } from "../../src/object/index-object.ts";
import { deployment } from "../object/runtime.ts";

const url = "https://example.com/promises";
/** Longer ago than removals are remembered: each shard says that it cannot tell what happened since. */
const LONG_AGO = Array.from({ length: 8 }, () => (1000).toString(36)).join(".");

afterEach(() => {
  vi.restoreAllMocks();
});

function list(resumed?: string, search = ""): FollowedList {
  const asked = parseSearch(`${url}?${search}`, fullPrincipal("test", "loopback"), Date.now());
  const { signal } = new AbortController();
  return { env: deployment(), url, asked, origin: "https://example.com", signal, resumed };
}

/** Two bytes a character where it is kept. */
function tagOf(length: number): string {
  return `tags[a]=${"\u00e9\u4e00".repeat(length / 2)}`;
}

function broken(): void {
  vi.spyOn(IndexObject.prototype, "find").mockRejectedValue(new Error("overloaded"));
}

it.each([
  ["the first", undefined],
  ["a later", LONG_AGO],
])("ends an event stream with an error when %s page cannot be had", async (_, resumed) => {
  broken();
  const reader = (await listEvents(list(resumed))).getReader();
  await expect(reader.read()).rejects.toThrow("overloaded");
});

it.each([
  ["the first", undefined],
  ["a later", LONG_AGO],
])("closes a WebSocket when %s page cannot be had", async (_, resumed) => {
  broken();
  const socket = await listSocket(list(resumed));
  const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener("close", resolve));
  socket.accept();
  expect((await closed).code).toBe(1011);
});

it("takes a search as long as its lines can keep, and refuses a longer one", async () => {
  const reader = (await listEvents(list(undefined, tagOf(6900)))).getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toContain("event: page");
  await reader.cancel();
  await expect(listEvents(list(undefined, tagOf(7000)))).rejects.toThrow("too long to be followed");
});
