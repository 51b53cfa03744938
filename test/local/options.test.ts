/** Which flags and variables `npm start` takes, and what it says to those that make no sense. */
import { describe, expect, it } from "vitest";
import { parseOptions, type Options } from "../../src/local/options.ts";

const DEFAULTS: Options = { data: ".data", port: 8787, host: "127.0.0.1" };

const ACCEPTED: [name: string, args: string[], env: Record<string, string>, Partial<Options>][] = [
  ["nothing: the defaults", [], {}, {}],
  ["a flag", ["--port", "9000"], {}, { port: 9000 }],
  ["a flag with =", ["--port=9000"], {}, { port: 9000 }],
  ["port 0, for a free one", ["--port", "0"], {}, { port: 0 }],
  ["the last port", ["--port", "65535"], {}, { port: 65_535 }],
  [
    "variables",
    [],
    { DATA_DIR: "/d", PORT: "1", HOST: "::1" },
    { data: "/d", port: 1, host: "::1" },
  ],
  ["a flag before a variable", ["--host", "localhost"], { HOST: "0.0.0.0" }, { host: "localhost" }],
  ["a flag before a variable that is wrong", ["--port", "1"], { PORT: "x" }, { port: 1 }],
  ["an empty variable as none", [], { PORT: "", HOST: " " }, {}],
];

const REFUSED: [args: string[], env: Record<string, string>, message: RegExp][] = [
  [["--port", "http"], {}, /^--port must be a number from 0 to 65535, not "http"$/],
  [["--port", "65536"], {}, /^--port .* not "65536"$/],
  [["--port=-1"], {}, /^--port .* not "-1"$/],
  [["--port", "80.5"], {}, /^--port .* not "80.5"$/],
  [["--port", "0x10"], {}, /^--port .* not "0x10"$/],
  [["--port="], {}, /^--port needs a value/],
  [["--port"], {}, /--port/],
  [["--data", ""], {}, /^--data needs a value/],
  [["--prot", "1"], {}, /'--prot'/],
  [["serve"], {}, /'serve'/],
  [[], { PORT: "http" }, /^PORT must be a number from 0 to 65535, not "http"$/],
];

describe("parseOptions", () => {
  it.each(ACCEPTED)("takes %s", (_name, args, env, expected) => {
    expect(parseOptions(args, env)).toEqual({ ...DEFAULTS, ...expected });
  });

  it.each(REFUSED)("refuses %j with %j in one line that names it", (args, env, message) => {
    const parse = () => parseOptions(args, env);
    expect(parse).toThrow(expect.objectContaining({ name: "StartError", code: "bad_option" }));
    expect(parse).toThrow(message);
    expect(parse).not.toThrow(/\n/);
  });

  it.each([["--help"], ["-h"]])("answers %s with the help, whatever else is set", (flag) => {
    expect(parseOptions([flag], { PORT: "x" })).toBe("help");
  });
});
