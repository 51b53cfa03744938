/**
 * Ten thousand tokens that nobody should have made: none is believed, none breaks anything. Each is
 * made from an honest one, or from nothing, by a random change; the seed of a failure is in its name.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { SCOPES } from "../../client/src/protocol.ts";
import { claims, createSigner, part, signWithHmac, type Signer } from "../conformance/token.ts";
import { createRandom, type Random } from "../model/seeded.ts";
import { bearer, guarded, keyFor, send, signer } from "./guarded.ts";

const ROUNDS = 10;
const IN_A_ROUND = 1000;
const nowS = (): number => Math.floor(Date.now() / 1000);
const ALGORITHMS = [
  "none",
  "None",
  "NONE",
  "",
  "HS256",
  "HS384",
  "HS512",
  "RS256",
  "RS384",
  "RS512",
];
const MORE = ["ES256", "ES384", "ES512", "PS256", "EdDSA", "Ed25519", "ES256K", "dir", "__proto__"];
const WORDS = [
  "",
  "a",
  "é",
  "\u0000",
  "null",
  "[object Object]",
  "__proto__",
  "😀".repeat(9),
  "../..",
];

const LETTERS = "A B C x y z 0 1 9 - _ . = + /".split(" ");

let signers: Signer[];
let strangers: Signer[];
let env: ReturnType<typeof guarded>;
let key: string;
let honest: string[];

beforeAll(async () => {
  signers = [signer, await createSigner("RS256", "rsa"), await createSigner("EdDSA", "ed")];
  strangers = await Promise.all(
    signers.map(({ alg, jwk }) => createSigner(alg, String(jwk["kid"]))),
  );
  env = guarded({
    JWT_KEYS: JSON.stringify({ keys: signers.map(({ jwk }) => jwk) }),
    JWT_ISSUER: "us",
    JWT_AUDIENCE: "here",
  });
  ({ key } = await keyFor([...SCOPES], ["*"]));
  honest = await Promise.all(signers.map((one) => one.sign(good())));
});

function good(more: object = {}): Record<string, unknown> {
  return claims({ iss: "us", aud: "here", role: "admin", ...more });
}

/** A value that has no business where it stands. */
function odd(random: Random): unknown {
  const word = random.pick(WORDS);
  return random.pick([word, [word], { a: word }, null, true, -1, 1e308, nowS(), 2 ** 53, [], {}]);
}

function int(random: Random, from: number, to: number): number {
  return random.pick(Array.from({ length: to - from + 1 }, (_, n) => from + n));
}

type Make = (random: Random) => string | Promise<string>;

const MAKERS: Record<string, Make> = {
  "another algorithm, the public key as the secret": (random) => {
    const { jwk } = random.pick(signers);
    const secret = random.pick([JSON.stringify(jwk), String(jwk["n"] ?? jwk["x"]), "secret"]);
    const header = { alg: random.pick([...ALGORITHMS, ...MORE]), kid: jwk["kid"], typ: "JWT" };
    return signWithHmac(good(), header, secret);
  },
  "no signature": (random) => {
    const header = {
      alg: random.pick([...ALGORITHMS, ...MORE]),
      kid: random.pick(signers).jwk["kid"],
    };
    return `${part(header)}.${part(good())}.${random.pick(["", "AA", "e30", "====", "."])}`;
  },
  "signed by a stranger of the same name": (random) => random.pick(strangers).sign(good()),
  "signed, with another's algorithm or key in the header": (random) => {
    const one = random.pick(signers);
    const others = [...ALGORITHMS, ...MORE].filter((alg) => alg !== one.alg);
    const kids = [
      "nobody",
      ...signers.filter((other) => other !== one).map(({ jwk }) => jwk["kid"]),
    ];
    return one.sign(
      good(),
      random.pick([{ alg: random.pick(others) }, { kid: random.pick(kids) }]),
    );
  },
  "signed, with an odd header": (random) => {
    const word = random.pick([1, null, [], {}, ["exp"], true]);
    return random
      .pick(signers)
      .sign(good(), { [random.pick(["alg", "kid", "typ", "crit"])]: word });
  },
  "ended, or not begun": (random) => {
    const late = { exp: nowS() - random.pick([1, 60, 1e6, 2e9, 1e308]) };
    const ahead = nowS() + random.pick([200, 1e6, 1e300]);
    return random.pick(signers).sign(good(random.pick([late, { nbf: ahead }, { iat: ahead }])));
  },
  "of odd claims": (random) => {
    const name = random.pick(["exp", "iss", "aud"]);
    const value =
      name === "exp" ? random.pick(["9e99", null, [9e99], {}, false, undefined]) : odd(random);
    return random.pick(signers).sign(good({ [name]: value }));
  },
  "claims that are no claims": async (random) => {
    const text = random.pick(["null", "[]", "1", '"x"', "{", "", "\ud800"]);
    // Signed as they are.
    return random.pick(signers).sign(JSON.parse(`[${JSON.stringify(text)}]`));
  },
  "an honest one, cut": (random) => {
    const token = random.pick(honest);
    return token.slice(0, int(random, 0, token.length - 1));
  },
  "an honest one, with one letter changed": (random) => {
    const token = random.pick(honest);
    const at = int(random, 0, token.length - 1);
    const letter = random.pick(LETTERS.filter((one) => one !== token[at]));
    return token.slice(0, at) + letter + token.slice(at + 1);
  },
  "two honest ones, mixed": (random) => {
    const [one, other] = [random.pick(honest), random.pick(honest)].map((token) =>
      token.split("."),
    );
    const mixed = one!.map((text, index) => (random.chance(0.5) ? text : other![index]));
    return (
      mixed.join(random.pick([".", ".", "..", "", ",", " "])) + random.pick(["x", "=", ".", "%"])
    );
  },
  "a key, changed": (random) => {
    const at = int(random, 0, key.length - 1);
    const letter = random.pick(LETTERS.slice(0, 11).filter((one) => one !== key[at]));
    return random.pick([
      key.slice(0, at),
      key.slice(0, at) + letter + key.slice(at + 1),
      `${key}${letter}`,
    ]);
  },
  huge: (random) =>
    random.pick(["e30", "eyJ", "dp_", "a.b.c", "."]).repeat(int(random, 1000, 6000)),
  anything: (random) =>
    Array.from({ length: int(random, 1, 60) }, () =>
      String.fromCharCode(int(random, 33, 255)),
    ).join(""),
};

describe("tokens that nobody should have made", () => {
  it.each(Array.from({ length: ROUNDS }, (_, seed) => seed))(
    "are not believed, and break nothing (seed %i)",
    { timeout: 240_000 },
    async (seed) => {
      const random = createRandom(seed);
      const names = Object.keys(MAKERS);
      for (let n = 0; n < IN_A_ROUND; n += 1) {
        const name = names[n % names.length]!;
        const token = await MAKERS[name]!(random);
        if (honest.includes(token)) continue;
        const headers = random.pick([
          bearer(token),
          { "sec-websocket-protocol": `durable-promise, bearer.${token}` },
        ]);
        const given = await send({ headers }, { method: "GET", path: "/promises/x" }, env).catch(
          (error: unknown) => error,
        );
        // What no header can carry never reached us.
        if (given instanceof TypeError) continue;
        expect(given, `${name}: ${token.slice(0, 300)}`).toMatchObject({ status: 401 });
      }
    },
  );

  it("are no reason to turn away the honest", async () => {
    for (const token of [...honest, key]) {
      const given = await send(
        { headers: bearer(token) },
        { method: "GET", path: "/promises/x" },
        env,
      );
      expect(given.status, given.text).toBe(404);
    }
  });
});
