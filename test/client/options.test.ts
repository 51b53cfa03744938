import { afterEach, describe, expect, test, vi } from "vitest";
import { DurablePromises, durablePromise } from "../../client/src/index.ts";
import { checkKey, createKey, promisePath } from "../../client/src/id.ts";
import { resolveOptions } from "../../client/src/options.ts";
import { fitsSubprotocol, parseFrame } from "../../client/src/socket.ts";
import { buildRequest } from "../../client/src/transport.ts";

afterEach(() => vi.unstubAllEnvs());

describe("the url", () => {
  test("falls back to the environment, then to this machine", () => {
    vi.stubEnv("DURABLE_PROMISES_URL", "");
    expect(new DurablePromises().url).toBe("http://127.0.0.1:8787");
    vi.stubEnv("DURABLE_PROMISES_URL", "https://env.example/");
    expect(new DurablePromises().url).toBe("https://env.example");
    expect(new DurablePromises({ url: "http://a/base/" }).url).toBe("http://a/base");
  });

  test.each(["restate:8080", "localhost:8787", "127.0.0.1", "ftp://a", "", "//a"])(
    "%j is refused for want of a protocol",
    (url) => {
      const message = /url needs a protocol, "http:\/\/" or "https:\/\/"/;
      expect(() => new DurablePromises({ url })).toThrow(message);
      expect(() => durablePromise(url, "a")).toThrow(message);
    },
  );

  test("in the second place is recognised as a swap", () => {
    expect(() => durablePromise("my-id", "http://localhost:8787")).toThrow(/url comes first/);
  });

  test.each(["http://", "http://a b", "https://u:p@a", "https://a/?q=1", "https://a/#x"])(
    "%j is refused",
    (url) => {
      expect(() => new DurablePromises({ url })).toThrow(TypeError);
    },
  );
});

describe("the token", () => {
  test("falls back to the environment and is sent as a bearer", () => {
    vi.stubEnv("DURABLE_PROMISES_TOKEN", "from-env");
    expect(resolveOptions().token).toBe("from-env");
    const target = resolveOptions({ url: "http://a", token: "t" });
    const [url, init] = buildRequest(target, { method: "GET", path: "/promises/x" });
    expect(url).toBe("http://a/promises/x");
    expect(init.headers).toMatchObject({ authorization: "Bearer t" });
  });

  test("is never shown in an error", () => {
    expect(() => new DurablePromises({ token: "secret\n" })).toThrow(/^(?!.*secret).*$/s);
  });

  test.each([
    ["abc-1.2_3~", true],
    [undefined, true],
    ["a/b", false],
    ["YWJj=", false],
  ])("%j fits a subprotocol: %s", (token, expected) => {
    expect(fitsSubprotocol(token)).toBe(expected);
  });
});

describe("options are checked once, and say what they got", () => {
  test.each([
    [{ fetch: "x" }, 'fetch must be a function, got "x"'],
    [{ parse: {} }, "parse must be a function, got an object"],
    [{ WebSocket: 1 }, "WebSocket must be a class or false, got 1"],
    [{ timeout: "soon" }, 'timeout is not a duration: "soon"'],
    [{ attemptTimeout: -1 }, "attemptTimeout must be 0 ms or more, got -1"],
    [{ line: { pingEvery: "x" } }, 'line.pingEvery is not a duration: "x"'],
    [{ retry: { retries: -1 } }, "retry.retries must be a whole number, 0 or more, got -1"],
    ["http://a", 'options must be an object such as { url }, got "http://a"'],
  ])("%o: %s", (options, message) => {
    expect(() => new DurablePromises(options as never)).toThrow(message);
  });

  test("calls too", async () => {
    const promises = new DurablePromises({ url: "http://127.0.0.1:1" });
    await expect(promises.create("a", { deadline: 5000 })).rejects.toThrow(
      /deadline: 5000 is 1970/,
    );
    await expect(promises.create("a", { idempotencyKey: "ü" })).rejects.toThrow(/idempotencyKey/);
    await expect(promises.resolve("a", 5n)).rejects.toThrow(/value cannot be written as JSON/);
    await expect(promises.resolve("a", () => {})).rejects.toThrow(/value must be a JSON value/);
    await expect(promises.wait("", {})).rejects.toThrow(/id must be a string that is not empty/);
    await expect(promises.wait("a", { timeout: "x" })).rejects.toThrow(/timeout is not a duration/);
    expect(() => promises.watch("..")).toThrow(/between slashes/);
  });
});

describe("an id in a path", () => {
  test.each([
    ["order-42", "/promises/order-42"],
    ["purchase/user 7", "/promises/purchase/user%207"],
    ["ü?#%&+", "/promises/%C3%BC%3F%23%25%26%2B"],
    ["a//b/", "/promises/a//b/"],
    ["a/.b", "/promises/a/.b"],
  ])("%j is %s, and survives URL parsing", (id, path) => {
    expect(promisePath(id)).toBe(path);
    const seen = new URL(`http://a${path}`).pathname.slice("/promises/".length);
    expect(decodeURIComponent(seen)).toBe(id);
  });

  test.each(["", ".", "..", "a/../b", "./a", "a/..", "\ud800", "x".repeat(1025), "ü".repeat(513)])(
    "%j is refused",
    (id) => {
      expect(() => promisePath(id)).toThrow(/^id must/);
    },
  );
});

describe("an idempotency key", () => {
  test("of a create is the id, made fit for a header", () => {
    expect(createKey("order-42")).toBe("order-42");
    expect(createKey("ü/1")).toBe("%C3%BC/1");
    expect(createKey("ü".repeat(512))).toHaveLength(512);
    expect(new Headers({ k: createKey("ü\n") }).get("k")).toBe("%C3%BC%0A");
  });

  test.each(["", " a", "a ", "ü", "a\nb", "x".repeat(513)])("%j is refused", (key) => {
    expect(() => checkKey(key)).toThrow(/idempotencyKey/);
  });
});

test.each([
  ["pong", undefined],
  ["{", undefined],
  ["{}", undefined],
  ['{"type":"tomorrow"}', undefined],
  ['{"type":"settled"}', undefined],
  [new ArrayBuffer(2), undefined],
  ['{"type":"absent","id":"a"}', { type: "absent", id: "a" }],
])("the message %j is read as the frame %j", (text, frame) => {
  expect(parseFrame(text)).toEqual(frame);
});
