/**
 * Callbacks: a URL that any sender can be given as its webhook target. What it posts becomes the
 * promise's value, to the letter; where the link says how the sender signs, only signed (issue 3,
 * section 1).
 */
import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Webhook } from "standardwebhooks";
import { LIMITS } from "../../client/src/protocol.ts";
import { makeLink, promiseAndLink, recordAt, revoke, shownLinks, type MadeLink } from "./link.ts";
import { nodeRequest } from "./raw-request.ts";
import { expectRefusal } from "./refusal.ts";
import { freshId, startService, type Answer, type Service } from "./service.ts";
import { eventually } from "../eventually.ts";

const JSON_TYPE = { "content-type": "application/json" };

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

function callback(more: object = {}, promise: object = {}) {
  return promiseAndLink(service, { allow: "callback", ...more }, promise);
}

function post(
  { path }: MadeLink,
  body: string | Uint8Array,
  headers: Record<string, string> = JSON_TYPE,
): Promise<Answer> {
  return service.send("POST", path, { body, headers });
}

function said({ text }: Answer): { accepted: boolean; state: string } {
  // SAFETY: the tests assert what it really is.
  return JSON.parse(text) as { accepted: boolean; state: string };
}

describe("whatever is sent becomes the value", () => {
  test.each([
    ["JSON", "application/json", '{"a":[1,2]}', { a: [1, 2] }],
    ["JSON of a type of its own", "application/cloudevents+json; charset=utf-8", "3", 3],
    ["JSON null", "application/json", "null", null],
    ["JSON with space around it", "application/json", ' \n {"a":1}\r\n', { a: 1 }],
    [
      "a form",
      "application/x-www-form-urlencoded",
      "a=1&b=%C3%A9+x&c=",
      { a: "1", b: "é x", c: "" },
    ],
    [
      "a form in another case",
      "Application/X-WWW-Form-Urlencoded; charset=utf-8",
      "a=1",
      { a: "1" },
    ],
    [
      "a form with a trap",
      "application/x-www-form-urlencoded",
      "constructor=1",
      { constructor: "1" },
    ],
    ["text", "text/plain", 'Paid "in full"\n', 'Paid "in full"\n'],
    ["XML", "application/xml", "<a/>", "<a/>"],
    ["nothing", "text/plain", "", ""],
    ["text without a type", "", "hello", "hello"],
  ])("%s", async (_name, type, body, data) => {
    const { id, link } = await callback();
    expect(link.path.startsWith("/c/")).toBe(true);
    const answer = await post(link, new TextEncoder().encode(body), { "content-type": type });
    expect([answer.status, answer.text]).toEqual([200, '{"accepted":true,"state":"RESOLVED"}']);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const record = await recordAt(service, id);
    expect(record).toMatchObject({
      state: "RESOLVED",
      settledBy: { how: "callback", link: link.id },
    });
    expect(record.value).toEqual({ data });
  });

  test("to the letter: big numbers, escapes, doubled keys and the order of them", async () => {
    const { id, link } = await callback();
    const body = '{"n":12345678901234567890.10,"e":1E+2,"s":"\\u00e9\\/","z":1,"a":2,"z":3}';
    await post(link, body);
    expect((await service.read(id)).text).toContain(`"data":${body}`);
  });

  test.each([
    ["bad JSON", "application/json", "{", "invalid_request"],
    ["no JSON at all", "application/json", "", "invalid_request"],
    [
      "JSON that is nested too deep",
      "application/json",
      "[".repeat(1001) + "]".repeat(1001),
      "invalid_request",
    ],
  ] as const)("but not %s", async (_name, type, body, code) => {
    const { id, link } = await callback();
    expectRefusal(await post(link, body, { "content-type": type }), code);
    expect((await recordAt(service, id)).state).toBe("PENDING");
    expect((await shownLinks(service, id))[0]).toMatchObject({ uses: 0 });
    expect((await post(link, "1")).status).toBe(200);
  });

  test.each(["application/json", "text/plain", "application/x-www-form-urlencoded"])(
    "but not bytes that are no UTF-8, as %s",
    async (type) => {
      const { id, link } = await callback();
      const bytes = Uint8Array.from([0x22, 0xff, 0xfe, 0x22]);
      expectRefusal(await post(link, bytes, { "content-type": type }), "invalid_request");
      expect((await recordAt(service, id)).state).toBe("PENDING");
    },
  );

  test("but not what is too large, announced or not", async () => {
    const { id, link } = await callback();
    const body = JSON.stringify("x".repeat(LIMITS.bodyBytesMax));
    expectRefusal(await post(link, body), "too_large");
    expectRefusal(await post(link, body, { "content-type": "text/plain" }), "too_large");
    const chunked = await nodeRequest(service, "POST", link.path, { body, chunked: true });
    expectRefusal(chunked, "too_large");
    expect((await recordAt(service, id)).state).toBe("PENDING");
    const most = JSON.stringify("x".repeat(LIMITS.bodyBytesMax - 2));
    expect(said(await post(link, most)).accepted).toBe(true);
  });
});

describe("a mapping", () => {
  const body =
    '{"a/b":{"m~n":[{"x":1.0},{"x": 12345678901234567890}]},"ok":true,"":{"":"e"},"s":"paid","n":3}';

  test.each([
    ["the whole", "", body],
    ["a field", "/s", '"paid"'],
    ["a slash and a tilde in a name", "/a~1b/m~0n", '[{"x":1.0},{"x": 12345678901234567890}]'],
    ["the index of a list", "/a~1b/m~0n/1/x", "12345678901234567890"],
    ["another index", "/a~1b/m~0n/0", '{"x":1.0}'],
    ["names that are empty", "//", '"e"'],
    ["a name that is empty", "/", '{"":"e"}'],
  ])("takes %s as the value, to the letter", async (_name, value, data) => {
    const { id, link } = await callback({ mapping: { value } });
    expect(said(await post(link, body))).toEqual({ accepted: true, state: "RESOLVED" });
    expect((await service.read(id)).text).toContain(`"value":{"data":${data}}`);
  });

  // RFC 6901, section 4: an index is digits without a leading zero; `-` is beyond the end.
  test.each([
    "/nope",
    "/s/0",
    "/a~1b/m~0n/2",
    "/a~1b/m~0n/-",
    "/a~1b/m~0n/01",
    "/a~1b/m~0n/",
    "/a~1b/m~0n/1e0",
    "/a~1b/m~0n/0x1",
    "/a~1b/m~0n/+1",
  ])("has no value where %s leads nowhere", async (value) => {
    const { id, link } = await callback({ mapping: { value } });
    expect(said(await post(link, body)).accepted).toBe(true);
    expect((await recordAt(service, id)).value).toEqual({});
  });

  test.each(["status", "/a~2b", "/a~", "#/a"])("refuses the pointer %s", async (value) => {
    const id = freshId("pointer");
    await service.create(id);
    const given = { promise: id, allow: "callback", mapping: { value } };
    expectRefusal(
      await service.send("POST", "/links", { body: given }),
      "invalid_request",
      "mapping.value",
    );
  });

  test.each([
    ["a word", "/s", ["paid"], "REJECTED"],
    ["another word", "/s", ["failed"], "RESOLVED"],
    ["a number", "/n", ["3"], "REJECTED"],
    ["a truth", "/ok", ["true"], "REJECTED"],
    ["an outcome that is missing", "/nope", ["paid"], "RESOLVED"],
    ["one of several", "/s", ["failed", "paid"], "REJECTED"],
    ["the case of letters", "/s", ["PAID"], "RESOLVED"],
    ["no list of rejections", "/s", undefined, "RESOLVED"],
  ])("takes the outcome from %s", async (_name, outcome, rejected, state) => {
    const mapping = { outcome, ...(rejected && { rejected }), value: "/n" };
    const { id, link } = await callback({ mapping });
    expect(said(await post(link, body))).toEqual({ accepted: true, state });
    expect(await recordAt(service, id)).toMatchObject({ state, value: { data: 3 } });
  });

  test("works on forms, and on what is the word itself", async () => {
    const mapping = { outcome: "/status", rejected: ["failed"], value: "/amount" };
    const form = await callback({ mapping });
    const type = { "content-type": "application/x-www-form-urlencoded" };
    await post(form.link, "status=failed&amount=12", type);
    expect(await recordAt(service, form.id)).toMatchObject({
      state: "REJECTED",
      value: { data: "12" },
    });
    const word = await callback({ mapping: { outcome: "", rejected: ["no"] } });
    await post(word.link, "no", { "content-type": "text/plain" });
    expect(await recordAt(service, word.id)).toMatchObject({
      state: "REJECTED",
      value: { data: "no" },
    });
  });
});

describe("a schema is the promise's, whoever sends", () => {
  const form = {
    schema: { type: "object", required: ["n"], properties: { n: { type: "integer" } } },
  };

  test("what fits is taken", async () => {
    const { id, link } = await callback({}, { form });
    const answer = await post(link, '{"n":3}');
    expect([answer.status, said(answer)]).toEqual([200, { accepted: true, state: "RESOLVED" }]);
    expect((await recordAt(service, id)).value).toEqual({ data: { n: 3 } });
  });

  test("what does not fit is refused aloud, and the sender may send again", async () => {
    const { id, link } = await callback({}, { form });
    expectRefusal(await post(link, '{"n":"x"}'), "invalid_value");
    expect((await recordAt(service, id)).state).toBe("PENDING");
    expect(said(await post(link, '{"n":4}')).accepted).toBe(true);
  });
});

describe("it may come when it likes", () => {
  test("before anybody waits", async () => {
    const { id, link } = await callback();
    await post(link, '{"early":true}');
    const waited = await service.send("GET", `${service.address(id)}?wait=20s`);
    expect(waited.status).toBe(200);
    expect(JSON.parse(waited.text)).toMatchObject({ value: { data: { early: true } } });
  });

  test("while somebody waits", async () => {
    const { id, link } = await callback();
    const waiting = service.send("GET", `${service.address(id)}?wait=20s`);
    await post(link, "1");
    expect(JSON.parse((await waiting).text)).toMatchObject({ state: "RESOLVED" });
  });

  test("twice: a sender that repeats is content, and the first one counts", async () => {
    const { id, link } = await callback();
    expect(said(await post(link, "1"))).toEqual({ accepted: true, state: "RESOLVED" });
    for (const body of ["1", "2"]) {
      const again = await post(link, body);
      expect(again.status).toBe(200);
      expect(said(again).state).toBe("RESOLVED");
    }
    expect((await recordAt(service, id)).value).toEqual({ data: 1 });
    expect((await shownLinks(service, id))[0]).toMatchObject({ uses: 1 });
  });

  test("twenty times at once: it is settled once", async () => {
    const { id, link } = await callback({ uses: 100 });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => post(link, String(n))));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(answers.filter((answer) => said(answer).accepted).length).toBe(1);
    expect((await shownLinks(service, id))[0]).toMatchObject({ uses: 1 });
  });

  test("after somebody else: it learns how it ended", async () => {
    const { id, link } = await callback();
    await service.settle(id, { state: "REJECTED" });
    const late = await post(link, "1");
    expect([late.status, said(late)]).toEqual([200, { accepted: false, state: "REJECTED" }]);
  });

  test("but not after it was revoked or has expired, nor by another door", async () => {
    const { id, link } = await callback();
    const short = await makeLink(service, id, { allow: "callback", expiresIn: 1 });
    const page = await makeLink(service, id);
    await revoke(service, link);
    expectRefusal(await post(link, "1"), "link_not_found");
    await eventually(async () => expectRefusal(await post(short, "{"), "link_not_found"));
    const third = await makeLink(service, id, { allow: "callback" });
    expectRefusal(
      await post({ ...third, path: `/l/${third.token}` }, '{"state":"RESOLVED"}'),
      "link_not_found",
    );
    expectRefusal(await post({ ...page, path: `/c/${page.token}` }, "1"), "link_not_found");
    expect((await recordAt(service, id)).state).toBe("PENDING");
  });

  test("GET changes nothing", async () => {
    const { id, link } = await callback();
    for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"]) {
      const answer = await service.send(method, link.path);
      expect(answer.status).toBe(method === "OPTIONS" ? 204 : 405);
      expect(answer.headers.get("allow")).toBe("POST, OPTIONS");
    }
    expect((await recordAt(service, id)).state).toBe("PENDING");
    expect((await shownLinks(service, id))[0]).toMatchObject({ uses: 0, standing: "good" });
  });
});

type Sign = (body: string, secret: string, atS: number) => Record<string, string>;

const hmac = (secret: string | Buffer, text: string): Buffer =>
  createHmac("sha256", secret).update(text).digest();

/** Written from each sender's own documentation. */
const SENDERS: Record<
  string,
  { verifier: object; secrets: [string, string]; isTimed: boolean; sign: Sign }
> = {
  "Standard Webhooks": {
    verifier: { scheme: "standard-webhooks" },
    secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"],
    isTimed: true,
    sign: (body, secret, atS) => ({
      "webhook-id": "msg_1",
      "webhook-timestamp": String(atS),
      "webhook-signature": new Webhook(secret).sign("msg_1", new Date(atS * 1000), body),
    }),
  },
  GitHub: {
    verifier: { scheme: "github" },
    secrets: ["It's a Secret to Everybody", "another secret"],
    isTimed: false,
    sign: (body, secret) => ({
      "x-hub-signature-256": `sha256=${hmac(secret, body).toString("hex")}`,
    }),
  },
  Stripe: {
    verifier: { scheme: "stripe" },
    secrets: ["whsec_stripe_one", "whsec_stripe_two"],
    isTimed: true,
    sign: (body, secret, atS) => ({
      "stripe-signature": `t=${atS},v0=${"6f".repeat(32)},v1=${hmac(secret, `${atS}.${body}`).toString("hex")}`,
    }),
  },
  Slack: {
    verifier: { scheme: "slack" },
    secrets: ["8f742231b10e8888abcd99yyyzzz85a5", "11112231b10e8888abcd99yyyzzz85a5"],
    isTimed: true,
    sign: (body, secret, atS) => ({
      "x-slack-request-timestamp": String(atS),
      "x-slack-signature": `v0=${hmac(secret, `v0:${atS}:${body}`).toString("hex")}`,
    }),
  },
  "a header of one's own, hex": {
    verifier: { scheme: "hmac", header: "X-My-Mac" },
    secrets: ["secret one", "sécret 2"],
    isTimed: false,
    sign: (body, secret) => ({ "x-my-mac": hmac(secret, body).toString("hex") }),
  },
  "a header of one's own, base64 behind a word": {
    verifier: { scheme: "hmac", header: "x-mac", prefix: "hmac ", encoding: "base64" },
    secrets: ["secret one", "secret two"],
    isTimed: false,
    sign: (body, secret) => ({ "x-mac": `hmac ${hmac(secret, body).toString("base64")}` }),
  },
  "the usual header": {
    verifier: { scheme: "hmac" },
    secrets: ["secret one", "secret two"],
    isTimed: false,
    sign: (body, secret) => ({ "x-signature": hmac(secret, body).toString("hex") }),
  },
};

const nowS = (): number => Math.floor(Date.now() / 1000);

async function expectForged(
  { id, link }: { id: string; link: MadeLink },
  body: string,
  headers: Record<string, string>,
): Promise<void> {
  expectRefusal(await post(link, body, { ...JSON_TYPE, ...headers }), "bad_signature");
  expect((await recordAt(service, id)).state).toBe("PENDING");
  expect((await shownLinks(service, id))[0]).toMatchObject({ uses: 0, standing: "good" });
}

describe.each(Object.entries(SENDERS))(
  "signed by %s",
  (_name, { verifier, secrets, isTimed, sign }) => {
    const BODY = '{"status":"paid",  "n":1.0}';

    async function signedLink(...known: string[]) {
      return callback({ verifier: { ...verifier, secrets: known } });
    }

    test("what is right is taken, to the letter", async () => {
      const { id, link } = await signedLink(secrets[0]);
      const answer = await post(link, BODY, { ...JSON_TYPE, ...sign(BODY, secrets[0], nowS()) });
      expect([answer.status, answer.text]).toEqual([200, '{"accepted":true,"state":"RESOLVED"}']);
      expect((await service.read(id)).text).toContain(`"data":${BODY}`);
    });

    test("what is missing, wrong or for another body is refused, and the right one still works", async () => {
      const made = await signedLink(secrets[0]);
      const right = sign(BODY, secrets[0], nowS());
      await expectForged(made, BODY, {});
      await expectForged(made, BODY, sign(BODY, secrets[1], nowS()));
      await expectForged(made, BODY, sign(`${BODY} `, secrets[0], nowS()));
      await expectForged(made, `${BODY} `, right);
      await expectForged(made, BODY, sign(BODY, "d2hhdGV2ZXI=", nowS()));
      for (const name of Object.keys(right)) {
        const { [name]: value = "", ...others } = right;
        await expectForged(made, BODY, others);
        await expectForged(made, BODY, { ...others, [name]: "" });
        await expectForged(made, BODY, { ...others, [name]: `x${value}` });
        await expectForged(made, BODY, { ...others, [name]: value.slice(0, -2) });
      }
      const answer = await post(made.link, BODY, { ...JSON_TYPE, ...right });
      expect(said(answer).accepted).toBe(true);
    });

    test("two secrets are good while they are changed, and no third", async () => {
      for (const secret of secrets) {
        const { link } = await signedLink(...secrets);
        const answer = await post(link, BODY, { ...JSON_TYPE, ...sign(BODY, secret, nowS()) });
        expect(said(answer).accepted).toBe(true);
      }
      const made = await signedLink(...secrets);
      const third = secrets[0].startsWith("whsec_M")
        ? "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        : "third";
      await expectForged(made, BODY, sign(BODY, third, nowS()));
    });

    test.runIf(isTimed)(
      "what was overheard long ago is refused, and what comes from the future",
      async () => {
        const made = await signedLink(secrets[0]);
        for (const offS of [-3600, -310, 310, 3600]) {
          await expectForged(made, BODY, sign(BODY, secrets[0], nowS() + offS));
        }
        // Within the tolerance of clocks it is taken.
        const answer = await post(made.link, BODY, {
          ...JSON_TYPE,
          ...sign(BODY, secrets[0], nowS() - 240),
        });
        expect(said(answer).accepted).toBe(true);
      },
    );

    test.runIf(isTimed)("an instant that is none is refused", async () => {
      const made = await signedLink(secrets[0]);
      const right = sign(BODY, secrets[0], nowS());
      for (const [name, value] of Object.entries(right)) {
        if (!value.includes(String(nowS()).slice(0, 6))) continue;
        for (const instant of ["", "-1", "1e99", "NaN", "99999999999999999999", "0x10"]) {
          const changed = value.replace(/\d{10}/, instant);
          await expectForged(made, BODY, { ...right, [name]: changed });
        }
      }
    });

    test("its signature covers a repeat too: no second one settles anything", async () => {
      const { id, link } = await signedLink(secrets[0]);
      const headers = { ...JSON_TYPE, ...sign(BODY, secrets[0], nowS()) };
      await post(link, BODY, headers);
      const before = await service.read(id);
      expect((await post(link, BODY, headers)).status).toBe(200);
      expect((await service.read(id)).text).toBe(before.text);
    });
  },
);

test("several signatures in one header: one good one is enough, as while a sender changes its secret", async () => {
  const body = "{}";
  const at = nowS();
  const { "Standard Webhooks": standard, Stripe: stripe } = SENDERS;
  const one = await callback({
    verifier: { ...standard!.verifier, secrets: [standard!.secrets[0]] },
  });
  const headers = standard!.sign(body, standard!.secrets[0], at);
  const other = standard!.sign(body, standard!.secrets[1], at)["webhook-signature"];
  headers["webhook-signature"] = `v1a,xxxx ${other} ${headers["webhook-signature"]}`;
  expect((await post(one.link, body, { ...JSON_TYPE, ...headers })).status).toBe(200);
  const two = await callback({ verifier: { ...stripe!.verifier, secrets: [stripe!.secrets[0]] } });
  const [first = "", second = ""] = [stripe!.secrets[1], stripe!.secrets[0]].map(
    (secret) => /v1=(\w+)/.exec(stripe!.sign(body, secret, at)["stripe-signature"] ?? "")?.[1],
  );
  const signature = { "stripe-signature": `t=${at}, v1=${first}, v1=${second}` };
  expect((await post(two.link, body, { ...JSON_TYPE, ...signature })).status).toBe(200);
});

test("a Standard Webhooks secret that is no base64 is refused where it is set", async () => {
  const id = freshId("secret");
  await service.create(id);
  const verifier = { scheme: "standard-webhooks", secrets: ["whsec_not base64!"] };
  const body = { promise: id, allow: "callback", verifier };
  expectRefusal(
    await service.send("POST", "/links", { body }),
    "invalid_request",
    /^verifier\.secrets/,
  );
});

test("a header that cannot be one is refused where it is set", async () => {
  const id = freshId("header");
  await service.create(id);
  const verifier = { scheme: "hmac", secrets: ["s"], header: "x y:" };
  const body = { promise: id, allow: "callback", verifier };
  expectRefusal(
    await service.send("POST", "/links", { body }),
    "invalid_request",
    "verifier.header",
  );
});

test("a callback may vote, as one of several", async () => {
  const { id, link } = await callback({ audience: "ci" }, { quorum: { approvals: 2, of: 2 } });
  expect(said(await post(link, "1"))).toEqual({ accepted: true, state: "PENDING" });
  expect((await recordAt(service, id)).votes).toMatchObject([{ by: "ci", approves: true }]);
});
