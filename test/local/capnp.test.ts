/** The config that workerd is given, and what of it comes from wrangler.toml. */
import { describe, expect, it } from "vitest";
import { uniqueKey, workerdConfig, type WorkerdConfig } from "../../src/local/capnp.ts";
import { parseProject, readProject } from "../../src/local/project.ts";

const CONFIG: WorkerdConfig = {
  module: "worker.js",
  address: "127.0.0.1:8787",
  compatibilityDate: "2026-08-15",
  compatibilityFlags: [],
  classes: ["PromiseObject", "IndexObject"],
  objects: [{ name: "PROMISES", className: "PromiseObject" }],
  objectsDirectory: "/data/objects",
  assets: { directory: "/project/.build/assets", binding: "ASSETS" },
  settings: ["API_KEYS", "OPEN"],
  callsLoopback: false,
};

function allowed(config: WorkerdConfig): string[] {
  const networks = workerdConfig(config).matchAll(/name = "(\w+)", network = \(allow = (\[.*?\])/g);
  return Array.from(networks, ([, name, kinds]) => `${name} ${kinds}`);
}

describe("workerdConfig", () => {
  const text = workerdConfig(CONFIG);

  it.each([
    [
      "every class, bound or not",
      `(className = "IndexObject", uniqueKey = "durable-promises-IndexObject", enableSql = true)`,
    ],
    ["the bindings of classes", `(name = "PROMISES", durableObjectNamespace = "PromiseObject")`],
    ["the objects on disk", `(name = "objects", disk = (path = "/data/objects", writable = true))`],
    ["storage on that disk", `durableObjectStorage = (localDisk = "objects")`],
    [
      "static files that cannot be written",
      `(name = "assets", disk = (path = "/project/.build/assets", writable = false))`,
    ],
    ["the binding of static files", `(name = "ASSETS", service = "assets")`],
    ["settings by name", `(name = "API_KEYS", fromEnvironment = "API_KEYS")`],
    ["the socket", `(name = "http", address = "127.0.0.1:8787", http = (), service = "main")`],
    ["the date", `compatibilityDate = "2026-08-15"`],
    ["the module", `(name = "worker.js", esModule = embed "worker.js")`],
  ])("has %s", (_what, expected) => {
    expect(text).toContain(expected);
  });

  it("may call this machine only if it says so, and the network around it never", () => {
    expect(allowed(CONFIG)).toEqual([`internet ["public"]`]);
    const near = { ...CONFIG, callsLoopback: true };
    expect(allowed(near)).toEqual([`internet ["public", "local"]`]);
    const trusting = { ...CONFIG, trustedNetwork: "JWKS" };
    expect(allowed(trusting)).toEqual([
      `internet ["public"]`,
      `trusted ["public", "local", "private"]`,
    ]);
    expect(workerdConfig(trusting)).toContain(`(name = "JWKS", service = "trusted")`);
    expect(text).not.toContain("JWKS");
  });

  it("never keeps objects in memory, which crashes workerd", () => {
    expect(text).not.toContain("inMemory");
  });

  it("has flags only when there are some", () => {
    expect(text).not.toContain("compatibilityFlags");
    expect(workerdConfig({ ...CONFIG, compatibilityFlags: ["a", "b"] })).toContain(
      `compatibilityFlags = ["a", "b"]`,
    );
  });

  it("quotes what a path may contain", () => {
    const odd = workerdConfig({ ...CONFIG, objectsDirectory: `/a "b"\\c\n` });
    expect(odd).toContain(String.raw`path = "/a \"b\"\\c\n"`);
  });
});

describe("uniqueKey", () => {
  it("is what it was when the first promise was stored", () => {
    expect(uniqueKey("PromiseObject")).toBe("durable-promises-PromiseObject");
  });
});

describe("wrangler.toml", () => {
  it("binds PROMISES to PromiseObject", () => {
    expect(readProject().objects).toContainEqual({ name: "PROMISES", className: "PromiseObject" });
  });

  it("gives classes from bindings and migrations, each once", () => {
    const project = parseProject(
      `main = "src/worker.ts"
      compatibility_date = "2026-08-15"
      [assets]
      directory = ".build/assets"
      binding = "ASSETS"
      [durable_objects]
      bindings = [{ name = "A", class_name = "One" }]
      [[migrations]]
      new_sqlite_classes = ["One", "Two"]`,
      "/project",
    );
    expect(project).toEqual({
      main: "/project/src/worker.ts",
      compatibilityDate: "2026-08-15",
      compatibilityFlags: [],
      classes: ["One", "Two"],
      objects: [{ name: "A", className: "One" }],
      assets: { directory: "/project/.build/assets", binding: "ASSETS" },
    });
  });

  it("is refused by the name of what is missing", () => {
    expect(() => parseProject(`main = "x"`, "/")).toThrow(/assets/);
  });
});
