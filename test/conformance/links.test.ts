/**
 * Links: capabilities for one promise that are handed to people without a key (issue 3, section 1).
 * Made, listed and revoked by whoever may settle; opened by anybody; decided by a POST only.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LIMITS } from "../../client/src/protocol.ts";
import {
  answerOf,
  csrfOf,
  decide,
  FORM,
  HTML,
  linkOf,
  makeLink,
  openPage,
  promiseAndLink,
  recordAt,
  revoke,
  send,
  shownLinks,
  submit,
  type MadeLink,
} from "./link.ts";
import { expectRefusal } from "./refusal.ts";
import { freshId, startService, type Answer, type Service } from "./service.ts";
import { eventually } from "../eventually.ts";

const DAY = 24 * 60 * 60 * 1000;
const SCHEMA = {
  type: "object",
  required: ["amount"],
  properties: {
    amount: { type: "integer", minimum: 1, title: "Amount" },
    "a/b~c": { type: "string", maxLength: 3 },
    place: {
      type: "object",
      required: ["city"],
      properties: { city: { type: "string", minLength: 2 } },
    },
  },
};

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

function tokensIn(answer: Answer, link: MadeLink): boolean {
  return answer.text.includes(link.token) || answer.text.includes(link.url);
}

describe("making a link", () => {
  test("answers what it allows, and its URL", async () => {
    const id = freshId("made");
    await service.create(id);
    const before = Date.now();
    const answer = await service.send("POST", "/links", {
      body: { promise: id, audience: "ada@example.com", note: "Before noon", uses: 3 },
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const link = linkOf(answer);
    expect(link).toMatchObject({
      promise: id,
      allow: "choose",
      audience: "ada@example.com",
      note: "Before noon",
      uses: 0,
      usesMax: 3,
      standing: "good",
    });
    expect(link.url.startsWith(`${service.url}/l/`)).toBe(true);
    expect(link.createdOn).toBeGreaterThanOrEqual(before);
    expect(link.expiresOn).toBe(link.createdOn + 7 * DAY);
    expect(link.id).toMatch(/^lnk_/);
  });

  test("does nothing to the promise", async () => {
    const id = freshId("untouched");
    const created = await service.create(id);
    await makeLink(service, id);
    expect((await service.read(id)).text).toBe(created.text);
  });

  test.each([
    ["an unknown promise", { promise: "nobody/made/this" }, "not_found", "promise"],
    ["no promise", {}, "invalid_request", "promise"],
    ["an id that is none", { promise: "a\u0000b" }, "invalid_request", "promise"],
    ["an unknown permission", { allow: "everything" }, "invalid_request", "allow"],
    [
      "an outcome that nobody fixed",
      { outcome: { state: "RESOLVED" } },
      "invalid_request",
      "outcome",
    ],
    ["a fixed outcome that is missing", { allow: "fixed" }, "invalid_request", "outcome"],
    [
      "an outcome that only the deadline writes",
      { allow: "fixed", outcome: { state: "REJECTED_TIMEDOUT" } },
      "invalid_request",
      "outcome.state",
    ],
    ["a mapping without a callback", { mapping: { value: "/a" } }, "invalid_request", "mapping"],
    [
      "a verifier without a callback",
      { verifier: { scheme: "github", secrets: ["s"] } },
      "invalid_request",
      "verifier",
    ],
    ["no uses at all", { uses: 0 }, "invalid_request", "uses"],
    ["a part of a use", { uses: 1.5 }, "invalid_request", "uses"],
    ["a duration that is none", { expiresIn: "soon" }, "invalid_request", "expiresIn"],
    ["a long note", { note: "x".repeat(1001) }, "invalid_request", "note"],
    ["a long audience", { audience: "x".repeat(321) }, "invalid_request", "audience"],
    ["an unknown field", { nope: 1 }, "invalid_request", "nope"],
    [
      "a pointer that is none",
      { allow: "callback", mapping: { value: "status" } },
      "invalid_request",
      "mapping.value",
    ],
    [
      "a verifier without a secret",
      { allow: "callback", verifier: { scheme: "github", secrets: [] } },
      "invalid_request",
      "verifier.secrets",
    ],
    [
      "an unknown scheme",
      { allow: "callback", verifier: { scheme: "rot13", secrets: ["s"] } },
      "invalid_request",
      "verifier.scheme",
    ],
  ] as const)("is refused with %s", async (_name, body, code, field) => {
    const id = freshId("refused");
    await service.create(id);
    const promise = Object.keys(body).length === 0 || "promise" in body ? {} : { promise: id };
    expectRefusal(
      await service.send("POST", "/links", { body: { ...promise, ...body } }),
      code,
      field,
    );
    expect(await shownLinks(service, id)).toEqual([]);
  });

  test.each([
    ["slashes", "team a/ordér/42/"],
    ["other scripts", "Ω/日本語/🚀 %2F%00 ?#&;"],
    ["quotes and backslashes", `"\\"/\\\\'<>`],
    ["1,024 bytes", `${"a/".repeat(511)}ab`],
    ["1,024 bytes of other scripts", "é".repeat(512)],
    ["1,024 bytes that JSON escapes", `"`.repeat(1024)],
  ])("works for an id with %s", async (_name, id) => {
    expect(Buffer.byteLength(id)).toBeLessThanOrEqual(LIMITS.idBytesMax);
    expect((await service.create(id)).status).toBe(201);
    const link = await makeLink(service, id, { audience: "Ada", uses: 2 });
    expect((await openPage(service, link)).status).toBe(200);
    expect(answerOf(await service.send("GET", link.path))).toMatchObject({ promise: id });
    expect((await shownLinks(service, id)).map((shown) => shown.id)).toEqual([link.id]);
    const decided = await decide(service, link);
    expect([decided.status, decided.text]).toEqual([200, decided.text]);
    expect(await recordAt(service, id)).toMatchObject({
      state: "RESOLVED",
      settledBy: { how: "link", who: "Ada", link: link.id },
    });
    expect((await revoke(service, link)).status).toBe(204);
    expect((await openPage(service, link)).status).toBe(404);
  });

  test(`ends at ${LIMITS.linksMax} links`, async () => {
    const id = freshId("full");
    await service.create(id);
    let left = LIMITS.linksMax;
    const maker = async (): Promise<void> => {
      while (left-- > 0) await makeLink(service, id);
    };
    await Promise.all(Array.from({ length: 8 }, maker));
    const links = await shownLinks(service, id);
    expect(links.length).toBe(LIMITS.linksMax);
    expect(new Set(links.map((link) => link.id)).size).toBe(LIMITS.linksMax);
    expectRefusal(
      await service.send("POST", "/links", { body: { promise: id } }),
      "too_many_links",
    );
    expect((await shownLinks(service, id)).length).toBe(LIMITS.linksMax);
  });
});

describe("listing", () => {
  test("shows every link, the oldest first, and never its URL or a secret", async () => {
    const { id, link: first } = await promiseAndLink(service, { audience: "Ada" });
    const second = await makeLink(service, id, {
      allow: "callback",
      mapping: { outcome: "/status", rejected: ["failed"], value: "/data" },
      verifier: { scheme: "hmac", secrets: ["very-secret-1", "very-secret-2"], header: "x-mac" },
    });
    expect(second.verifier).toEqual({ scheme: "hmac" });
    const answer = await service.send("GET", `/links?promise=${id}`);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    for (const link of [first, second]) expect(tokensIn(answer, link)).toBe(false);
    expect(answer.text).not.toContain('"url"');
    expect(answer.text).not.toContain("very-secret");
    expect(await shownLinks(service, id)).toEqual([
      expect.objectContaining({ id: first.id, audience: "Ada", standing: "good", promise: id }),
      expect.objectContaining({
        id: second.id,
        allow: "callback",
        mapping: { outcome: "/status", rejected: ["failed"], value: "/data" },
        verifier: { scheme: "hmac" },
      }),
    ]);
  });

  test("neither the record, nor its page, nor a receipt shows a URL or a secret", async () => {
    const { id, link } = await promiseAndLink(service);
    const callback = await makeLink(service, id, {
      allow: "callback",
      verifier: { scheme: "github", secrets: ["very-secret"] },
    });
    await decide(service, link);
    for (const answer of [
      await service.read(id),
      await service.read(id, HTML),
      await service.send("GET", `/receipts/${id}`),
      await service.send("GET", link.path),
      await openPage(service, link),
    ]) {
      expect(answer.text).not.toContain("very-secret");
      expect(answer.text).not.toContain(callback.token);
      expect(tokensIn(answer, link)).toBe(false);
    }
  });

  test("is of one promise, which must be named", async () => {
    expectRefusal(await service.send("GET", "/links"), "invalid_request", "promise");
    expectRefusal(await service.send("GET", "/links?promise="), "invalid_request", "promise");
    expectRefusal(
      await service.send("GET", "/links?promise=a&state=b"),
      "invalid_request",
      "state",
    );
    const { link } = await promiseAndLink(service);
    const other = freshId("other");
    await service.create(other);
    expect(await shownLinks(service, other)).toEqual([]);
    expect((await shownLinks(service, link.promise)).length).toBe(1);
  });

  test("says how each link stands", async () => {
    const { id, link: used } = await promiseAndLink(
      service,
      {},
      { quorum: { approvals: 2, of: 3 } },
    );
    const revoked = await makeLink(service, id);
    const expired = await makeLink(service, id, { expiresIn: 0 });
    const good = await makeLink(service, id, { uses: 2, audience: "Bob" });
    await decide(service, used);
    await revoke(service, revoked);
    const links = await shownLinks(service, id);
    const standings = Object.fromEntries(links.map((link) => [link.id, link.standing]));
    expect(standings).toEqual({
      [used.id]: "used",
      [revoked.id]: "revoked",
      [expired.id]: "expired",
      [good.id]: "good",
    });
    expect(links.find(({ id }) => id === revoked.id)?.revokedOn).toBeTypeOf("number");
    expect(links.find(({ id }) => id === used.id)?.uses).toBe(1);
  });
});

describe("revoking", () => {
  test("works at once, for good, and touches no other link", async () => {
    const { id, link } = await promiseAndLink(service);
    const other = await makeLink(service, id);
    const { link: stranger } = await promiseAndLink(service);
    expect((await openPage(service, link)).status).toBe(200);
    expect((await revoke(service, link)).status).toBe(204);
    expect((await openPage(service, link)).status).toBe(404);
    expectRefusal(await service.send("GET", link.path), "link_not_found");
    expectRefusal(await decide(service, link), "link_not_found");
    expect((await send(service, link, { csrf: "x", outcome: "resolved" })).status).toBe(404);
    expect((await recordAt(service, id)).state).toBe("PENDING");
    // Twice is no mistake, and does not move the instant.
    const [shown] = await shownLinks(service, id);
    expect((await revoke(service, link)).status).toBe(204);
    expect((await shownLinks(service, id))[0]).toEqual(shown);
    expect((await decide(service, other)).status).toBe(200);
    expect((await decide(service, stranger)).status).toBe(200);
    expect((await recordAt(service, id)).settledBy?.link).toBe(other.id);
  });

  test.each([
    ["nothing of ours", "nope"],
    ["an id without a promise", "lnk_.abcdefgh"],
    ["bad base64", "lnk_a.abcdefgh"],
    ["bytes that are no UTF-8", "lnk__w.abcdefgh"],
    ["an id that no promise has", `lnk_${Buffer.from("a\u0000b").toString("base64url")}.abc`],
    ["a promise that nobody has made", `lnk_${Buffer.from("nobody").toString("base64url")}.abc`],
    ["no id", ""],
  ])("%s is answered 404", async (_name, id) => {
    const answer = await service.send("DELETE", `/links/${id}`);
    expectRefusal(answer, id === "" ? "no_route" : "link_not_found");
  });

  test("an open page learns of it with its next step", async () => {
    const { link } = await promiseAndLink(service);
    const csrf = csrfOf(await openPage(service, link));
    await revoke(service, link);
    const late = await send(service, link, { csrf, outcome: "resolved" });
    expect(late.status).toBe(404);
    expect(late.headers.get("content-type")).toMatch(/^text\/html/);
    expect((await recordAt(service, link.promise)).state).toBe("PENDING");
  });
});

describe("a link ends", () => {
  test("with its expiry, exactly", async () => {
    const { link } = await promiseAndLink(service, { expiresIn: "400ms" });
    const { createdOn, expiresOn } = link;
    expect(expiresOn - createdOn).toBe(400);
    const wrong: object[] = [];
    await eventually(async () => {
      const before = Date.now();
      const { status } = await openPage(service, link);
      const after = Date.now();
      // One clock: what was answered before the end was good, what was asked after it is not.
      if ((after < expiresOn && status !== 200) || (before >= expiresOn && status !== 404)) {
        wrong.push({ status, before, after, expiresOn });
      }
      expect(before).toBeGreaterThanOrEqual(expiresOn);
    });
    expect(wrong).toEqual([]);
    expectRefusal(await decide(service, link), "link_not_found");
    expect((await recordAt(service, link.promise)).state).toBe("PENDING");
  });

  test("with the promise: another life of the id is none of its business", async () => {
    const { id, link } = await promiseAndLink(service, { uses: 5 });
    await decide(service, link);
    expect((await service.send("DELETE", service.address(id))).status).toBe(204);
    expect((await openPage(service, link)).status).toBe(404);
    expect((await service.create(id)).status).toBe(201);
    expect((await openPage(service, link)).status).toBe(404);
    expectRefusal(await decide(service, link), "link_not_found");
    expect(await shownLinks(service, id)).toEqual([]);
    expect((await recordAt(service, id)).state).toBe("PENDING");
  });

  test("after so many decisions, which looking is not", async () => {
    const { id, link } = await promiseAndLink(service, {}, { quorum: { approvals: 3, of: 3 } });
    for (let look = 0; look < 5; look += 1) await openPage(service, link);
    expect((await shownLinks(service, id))[0]).toMatchObject({ uses: 0, standing: "good" });
    expect((await decide(service, link)).status).toBe(202);
    expect((await shownLinks(service, id))[0]).toMatchObject({ uses: 1, standing: "used" });
    const again = await decide(service, link, { state: "REJECTED" });
    expect(again.status).toBeLessThan(500);
    expect((await shownLinks(service, id))[0]).toMatchObject({ uses: 1, standing: "used" });
    expect((await recordAt(service, id)).votes).toEqual([
      { by: `link ${link.id}`, approves: true, at: expect.any(Number) },
    ]);
  });

  test("a decision that comes too late costs no use", async () => {
    const { id, link } = await promiseAndLink(service);
    await service.settle(id, { state: "RESOLVED" });
    expect((await decide(service, link)).status).toBe(409);
    expect((await shownLinks(service, id))[0]).toMatchObject({ uses: 0, standing: "good" });
  });

  test("a value that does not fit costs no use", async () => {
    const { id, link } = await promiseAndLink(service, {}, { form: { schema: SCHEMA } });
    expectRefusal(await decide(service, link), "invalid_value");
    expect((await shownLinks(service, id))[0]).toMatchObject({ uses: 0, standing: "good" });
  });
});

describe("a link to choose", () => {
  test.each(["RESOLVED", "REJECTED", "REJECTED_CANCELED"])("may end in %s", async (state) => {
    const { id, link } = await promiseAndLink(service, { audience: "Ada <ada@example.com>" });
    const answer = await decide(service, link, { state, value: { data: { n: 1 } } });
    expect(answer.status).toBe(200);
    expect(answerOf(answer)).toMatchObject({
      promise: id,
      state,
      outcome: "settled",
      audience: "Ada <ada@example.com>",
      settledBy: { how: "link", who: "Ada <ada@example.com>", link: link.id },
    });
    const record = await recordAt(service, id);
    expect(record).toMatchObject({
      state,
      value: { data: { n: 1 } },
      settledBy: { how: "link", who: "Ada <ada@example.com>", link: link.id },
    });
    expect(answerOf(answer).completedOn).toBe(record.completedOn);
  });

  test("keeps the value to the letter", async () => {
    const { id, link } = await promiseAndLink(service);
    const data = '{"n":12345678901234567890.10,"e":1E2 , "s":"\\u0041"}';
    await decide(service, link, `{"state":"RESOLVED","value":{"data":${data}}}`);
    expect((await service.read(id)).text).toContain(`"data":${data}`);
  });

  test("without an audience says which link it was, and nobody's name", async () => {
    const { id, link } = await promiseAndLink(service);
    await decide(service, link);
    expect((await recordAt(service, id)).settledBy).toEqual({ how: "link", link: link.id });
  });

  test.each([
    ["no state", {}, "invalid_request", "state"],
    ["a state that is none", { state: "DONE" }, "invalid_request", "state"],
    ["the deadline's state", { state: "REJECTED_TIMEDOUT" }, "invalid_request", "state"],
    ["an unknown field", { state: "RESOLVED", nope: 1 }, "invalid_request", "nope"],
    ["no object", [], "invalid_request", "body"],
    ["no JSON", "{", "invalid_request", "body"],
  ] as const)("refuses %s, and stays good", async (_name, body, code, field) => {
    const { id, link } = await promiseAndLink(service);
    expectRefusal(await decide(service, link, body), code, field);
    expect((await recordAt(service, id)).state).toBe("PENDING");
    expect((await decide(service, link)).status).toBe(200);
  });

  test.each(["text/plain", "multipart/form-data; boundary=x", "application/xml", ""])(
    "refuses a body of the type %j",
    async (type) => {
      const { id, link } = await promiseAndLink(service);
      const body = new TextEncoder().encode('{"state":"RESOLVED"}');
      const answer = await service.send("POST", link.path, {
        body,
        headers: { "content-type": type },
      });
      expectRefusal(answer, "unsupported_media_type");
      expect((await recordAt(service, id)).state).toBe("PENDING");
    },
  );

  test("refuses a body that is too large", async () => {
    const { id, link } = await promiseAndLink(service);
    const data = "x".repeat(LIMITS.bodyBytesMax);
    expectRefusal(await decide(service, link, { state: "RESOLVED", value: { data } }), "too_large");
    const form = await send(service, link, { csrf: "x", reason: data });
    expect(form.status).toBe(413);
    expect((await recordAt(service, id)).state).toBe("PENDING");
  });
});

describe("a schema", () => {
  const promise = { form: { title: "How much?", schema: SCHEMA } };

  test("refuses what does not fit with a pointer to each fault, over every surface", async () => {
    const { id, link } = await promiseAndLink(service, {}, promise);
    const value = { data: { amount: 0, "a/b~c": "long", place: { city: "x" }, more: 1 } };
    const settled = await service.settle(id, { state: "RESOLVED", value });
    for (const answer of [await decide(service, link, { state: "RESOLVED", value }), settled]) {
      const { errors } = expectRefusal(answer, "invalid_value", /^value\.data/);
      expect(errors?.map(({ pointer }) => pointer)).toEqual(
        expect.arrayContaining(["/amount", "/a~1b~0c", "/place/city"]),
      );
      for (const { message } of errors ?? []) expect(message).not.toBe("");
    }
    expect((await recordAt(service, id)).state).toBe("PENDING");
  });

  test.each([
    ["nothing", {}],
    ["null", { data: null }],
    ["a list", { data: [] }],
    ["a missing field", { data: {} }],
    ["text for a number", { data: { amount: "3" } }],
  ])("refuses %s", async (_name, value) => {
    const { link } = await promiseAndLink(service, {}, promise);
    expectRefusal(await decide(service, link, { state: "RESOLVED", value }), "invalid_value");
  });

  test("asks nothing of a rejection", async () => {
    const { id, link } = await promiseAndLink(service, {}, promise);
    const value = { data: "too expensive" };
    expect((await decide(service, link, { state: "REJECTED", value })).status).toBe(200);
    expect(await recordAt(service, id)).toMatchObject({ state: "REJECTED", value });
  });

  test("takes what fits", async () => {
    const { id, link } = await promiseAndLink(service, {}, promise);
    const value = { data: { amount: 3, "a/b~c": "abc", place: { city: "Kiel" } } };
    expect((await decide(service, link, { state: "RESOLVED", value })).status).toBe(200);
    expect((await recordAt(service, id)).value).toEqual(value);
  });

  const settleBy: [string, (id: string, data: unknown) => Promise<Answer>][] = [
    [
      "the protocol",
      (id, data) =>
        service.send("POST", "/rpc", {
          body: {
            kind: "promise.settle",
            head: { corrId: "1", version: "2026-04-01" },
            data: { id, state: "resolved", value: { data } },
          },
        }),
    ],
    [
      "the example",
      (id, value) => service.send("POST", "/promise/resolve", { body: { promiseId: id, value } }),
    ],
  ];

  test.each(settleBy)(
    "is %s's too: what fits settles, what does not is no success",
    async (_name, settle) => {
      const { id } = await promiseAndLink(service, {}, promise);
      const misfit = await settle(id, { amount: 0 });
      expect((await recordAt(service, id)).state).toBe("PENDING");
      expect(misfit.status, misfit.text).toBeGreaterThanOrEqual(400);
      expect(misfit.status).toBeLessThan(500);
      const fit = await settle(id, { amount: 3 });
      expect(fit.status, fit.text).toBe(200);
      expect((await recordAt(service, id)).state).toBe("RESOLVED");
    },
  );

  test("is of the form too: what was typed comes back with its faults", async () => {
    const { id, link } = await promiseAndLink(service, {}, promise);
    const bad = await submit(service, link, {
      outcome: "resolved",
      "value/amount": "0",
      "value/place/city": "<i>",
    });
    expect(bad.status).toBe(422);
    expect(bad.headers.get("content-type")).toMatch(/^text\/html/);
    expect(bad.text).toContain("Enter 1 or more.");
    expect(bad.text).toContain("&lt;i&gt;");
    expect((await recordAt(service, id)).state).toBe("PENDING");
    expect((await shownLinks(service, id))[0]).toMatchObject({ uses: 0 });
    const good = await submit(service, link, { outcome: "resolved", "value/amount": "7" });
    expect(good.status).toBe(303);
    expect((await recordAt(service, id)).value).toEqual({ data: { amount: 7 } });
  });

  test("a fixed outcome that does not fit is refused where it is made, not where it is clicked", async () => {
    const id = freshId("misfit");
    await service.create(id, promise);
    const body = {
      promise: id,
      allow: "fixed",
      outcome: { state: "RESOLVED", value: { data: {} } },
    };
    expectRefusal(await service.send("POST", "/links", { body }), "invalid_value");
  });
});

describe("a link of one outcome", () => {
  const outcome = { state: "REJECTED", value: { data: { why: "no budget" } } };

  test("decides just that, and needs no body", async () => {
    const { id, link } = await promiseAndLink(service, {
      allow: "fixed",
      outcome,
      audience: "Ada",
    });
    expect(link.outcome).toEqual(outcome);
    expect((await shownLinks(service, id))[0]?.outcome).toEqual(outcome);
    const answer = await service.send("POST", link.path);
    expect(answer.status).toBe(200);
    expect(answerOf(answer)).toMatchObject({
      outcome: "settled",
      state: "REJECTED",
      allow: "fixed",
    });
    expect(await recordAt(service, id)).toMatchObject({ ...outcome, settledBy: { who: "Ada" } });
  });

  test("by the form, whatever else the form says", async () => {
    const { id, link } = await promiseAndLink(service, { allow: "fixed", outcome });
    const answer = await submit(service, link, {
      outcome: "resolved",
      "value/x": "1",
      reason: "x",
    });
    expect(answer.status).toBe(303);
    expect(await recordAt(service, id)).toMatchObject(outcome);
  });

  test("keeps big numbers to the letter", async () => {
    const id = freshId("big");
    await service.create(id);
    const data = '{"n":12345678901234567890.10}';
    const answer = await service.send("POST", "/links", {
      body: `{"promise":"${id}","allow":"fixed","outcome":{"state":"resolved","value":{"data":${data}}}}`,
    });
    expect(answer.text).toContain(data);
    await service.send("POST", linkOf(answer).path);
    expect((await service.read(id)).text).toContain(`"data":${data}`);
  });

  test("an API caller cannot make it say something else", async () => {
    const { id, link } = await promiseAndLink(service, { allow: "fixed", outcome });
    await decide(service, link, { state: "RESOLVED", value: { data: "forged" } });
    expect((await recordAt(service, id)).state).not.toBe("RESOLVED");
  });
});

describe("a link to look", () => {
  test("shows, and refuses to decide", async () => {
    const { id, link } = await promiseAndLink(service, { allow: "await" });
    const page = await openPage(service, link);
    expect(page.status).toBe(200);
    expect(page.text).not.toContain("<form");
    expect(answerOf(await service.send("GET", link.path))).toMatchObject({
      allow: "await",
      state: "PENDING",
      standing: "good",
    });
    expectRefusal(await decide(service, link), "forbidden");
    const form = await send(service, link, { csrf: "x", outcome: "resolved" });
    expect(form.status).toBe(403);
    expect(await recordAt(service, id)).toMatchObject({ state: "PENDING" });
    await service.settle(id, { state: "RESOLVED", value: { data: "done" } });
    expect((await openPage(service, link)).text).toContain("done");
    expectRefusal(await decide(service, link), "forbidden");
  });

  test("tells live that it ended, and nothing of how", async () => {
    const { id, link } = await promiseAndLink(service, { allow: "await" });
    const settled = eventually(() =>
      service.settle(id, { state: "RESOLVED", value: { data: "x1" } }),
    );
    const stream = await service.send("GET", link.path, {
      headers: { accept: "text/event-stream" },
    });
    expect((await settled).status).toBe(201);
    expect(stream.headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(stream.headers.get("cache-control")).toBe("no-store");
    expect(stream.text).toMatch(/event: settled\ndata: \{\}\n\n$/);
    expect(stream.text).not.toContain("x1");
  });
});

describe("who comes second", () => {
  test("sees who decided what, and when", async () => {
    const { id, link } = await promiseAndLink(service, { audience: "Ada" });
    const second = await makeLink(service, id, { audience: "Bob" });
    await decide(service, link, { state: "REJECTED", value: { data: "too expensive" } });
    const record = await recordAt(service, id);
    const late = await decide(service, second);
    expect(late.status).toBe(409);
    const facts = {
      state: "REJECTED",
      completedOn: record.completedOn,
      settledBy: { how: "link", who: "Ada", link: link.id },
    };
    expect(answerOf(late)).toMatchObject({ ...facts, audience: "Bob" });
    expect(answerOf(await service.send("GET", second.path))).toMatchObject(facts);
    const page = await openPage(service, second);
    expect(page.status).toBe(200);
    expect(page.text).toMatch(/Decided by <b[^>]*>Ada<\/b> on <time/);
    expect(page.text).toContain(new Date(record.completedOn ?? 0).toISOString());
    expect(page.text).toContain("too expensive");
    expect(page.text).not.toContain("<form");
    expect(await recordAt(service, id)).toEqual(record);
  });

  test("by the form is led to a page that says so", async () => {
    const { id, link } = await promiseAndLink(service, { audience: "Ada" });
    const second = await makeLink(service, id, { audience: "Bob" });
    const csrf = csrfOf(await openPage(service, second));
    await decide(service, link, { state: "REJECTED" });
    const late = await send(service, second, { csrf, outcome: "resolved" });
    expect(late.status).toBe(303);
    expect(late.headers.get("location")).toBe(second.path);
    expect((await openPage(service, second)).text).toMatch(/Decided by <b[^>]*>Ada<\/b>/);
    expect(await recordAt(service, id)).toMatchObject({
      state: "REJECTED",
      settledBy: { who: "Ada" },
    });
  });

  test("after the deadline sees that it has passed", async () => {
    const { id, link } = await promiseAndLink(service, {}, { timeout: 1 });
    const late = await decide(service, link);
    expect(late.status).toBe(409);
    expect(answerOf(late)).toMatchObject({ state: "REJECTED_TIMEDOUT", completedOn: 1 });
    expect((await openPage(service, link)).text).toContain("The deadline has passed");
    expect((await recordAt(service, id)).state).toBe("REJECTED_TIMEDOUT");
  });

  test("and was the first as well, sees their own decision: a double click is none", async () => {
    const { id, link } = await promiseAndLink(service);
    const value = { data: 1 };
    const clicks = await Promise.all(
      [1, 2].map(() => decide(service, link, { state: "RESOLVED", value })),
    );
    expect(clicks.map(({ status }) => status)).toEqual([200, 200]);
    expect(clicks.filter((click) => answerOf(click).outcome === "settled").length).toBe(1);
    expect((await shownLinks(service, id))[0]).toMatchObject({ uses: 1, standing: "used" });
    expect((await openPage(service, link)).text).toContain("You decided on");
  });

  test("a double click on the form is none either", async () => {
    const { id, link } = await promiseAndLink(service);
    const csrf = csrfOf(await openPage(service, link));
    const clicks = await Promise.all(
      [1, 2, 3].map(() => send(service, link, { csrf, outcome: "resolved" })),
    );
    expect(clicks.map(({ status }) => status)).toEqual([303, 303, 303]);
    expect((await shownLinks(service, id))[0]).toMatchObject({ uses: 1 });
    expect(await recordAt(service, id)).toMatchObject({ state: "RESOLVED" });
  });

  test("a double click on a vote is none either", async () => {
    const { id, link } = await promiseAndLink(service, {}, { quorum: { approvals: 2, of: 3 } });
    const clicks = await Promise.all([1, 2].map(() => decide(service, link)));
    expect((await recordAt(service, id)).votes?.length).toBe(1);
    for (const { status, text } of clicks) expect([200, 202], text).toContain(status);
  });
});

test("of two who click at once one decides, and the other learns who did (50 races)", async () => {
  const winners = new Set<string>();
  for (let race = 0; race < 50; race += 1) {
    const { id, link } = await promiseAndLink(service, { audience: "Ada" });
    const other = await makeLink(service, id, { audience: "Bob" });
    const clicks = [
      decide(service, link, { state: "RESOLVED", value: { data: "Ada" } }),
      decide(service, other, { state: "REJECTED", value: { data: "Bob" } }),
    ];
    const [ada, bob] = await Promise.all(race % 2 === 0 ? clicks : clicks.toReversed());
    const answers = [answerOf(ada!), answerOf(bob!)];
    const record = await recordAt(service, id);
    expect(new Set([ada!.status, bob!.status])).toEqual(new Set([200, 409]));
    expect(answers.filter(({ outcome }) => outcome === "settled").length).toBe(1);
    expect(record.value.data).toBe(record.settledBy?.who);
    for (const answer of answers) {
      expect(answer).toMatchObject({
        state: record.state,
        settledBy: record.settledBy,
        completedOn: record.completedOn,
      });
    }
    const uses = (await shownLinks(service, id)).map((shown) => shown.uses);
    expect(new Set(uses)).toEqual(new Set([0, 1]));
    winners.add(record.settledBy?.who ?? "");
  }
  expect(winners.size).toBeGreaterThan(0);
});

describe("the form of the page", () => {
  test("decides, and a reload does not decide again", async () => {
    const { id, link } = await promiseAndLink(service, { audience: "Ada" });
    const answer = await submit(
      service,
      link,
      { outcome: "resolved" },
      { "sec-fetch-site": "same-origin" },
    );
    expect(answer.status).toBe(303);
    expect(answer.headers.get("location")).toBe(link.path);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(await recordAt(service, id)).toMatchObject({ state: "RESOLVED", value: {} });
    expect((await openPage(service, link)).text).toContain("You decided on");
  });

  test("rejects with its reason", async () => {
    const { id, link } = await promiseAndLink(service);
    await submit(service, link, { outcome: "rejected", reason: 'Zu "teuer"\n' });
    expect(await recordAt(service, id)).toMatchObject({
      state: "REJECTED",
      value: { data: 'Zu "teuer"\n' },
    });
  });

  test.each([
    ["without a token", {}],
    ["with a wrong token", { csrf: "0".repeat(32) }],
    ["with an empty token", { csrf: "" }],
  ])("is refused %s", async (_name, entries) => {
    const { id, link } = await promiseAndLink(service);
    const answer = await send(service, link, { ...entries, outcome: "resolved" });
    expect(answer.status).toBe(403);
    expect((await recordAt(service, id)).state).toBe("PENDING");
  });

  test("is refused with the token of another link", async () => {
    const { id, link } = await promiseAndLink(service);
    const other = await makeLink(service, id);
    const csrf = csrfOf(await openPage(service, other));
    expect((await send(service, link, { csrf, outcome: "resolved" })).status).toBe(403);
    expect((await recordAt(service, id)).state).toBe("PENDING");
  });

  test.each([
    ["a form", FORM],
    ["a form of plain text", { "content-type": "text/plain" }],
    ["a form with files", { "content-type": "multipart/form-data; boundary=x" }],
  ])("is refused from another site: %s", async (_name, type) => {
    const outcome = { state: "RESOLVED" };
    for (const more of [{}, { allow: "fixed", outcome }]) {
      const { id, link } = await promiseAndLink(service, more);
      const csrf = csrfOf(await openPage(service, link));
      const body = new URLSearchParams({ csrf, outcome: "resolved" }).toString();
      const headers = {
        ...type,
        ...HTML,
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
      };
      const answer = await service.send("POST", link.path, { body, headers });
      expect([403, 415], JSON.stringify(more)).toContain(answer.status);
      expect((await recordAt(service, id)).state).toBe("PENDING");
    }
  });

  test.each([
    ["no outcome", {}],
    ["an empty outcome", { outcome: "" }],
    ["an outcome that is none", { outcome: "maybe" }],
    ["a state of the API", { outcome: "RESOLVED" }],
  ])("decides nothing with %s", async (_name, entries) => {
    const { id, link } = await promiseAndLink(service);
    const answer = await submit(service, link, entries);
    expect((await recordAt(service, id)).state).toBe("PENDING");
    expect(answer.status).toBe(400);
  });

  test("comes as the standard spells it, whatever the case", async () => {
    const { id, link } = await promiseAndLink(service);
    const csrf = csrfOf(await openPage(service, link));
    const type = { "content-type": "Application/X-WWW-Form-Urlencoded; charset=UTF-8" };
    expect((await send(service, link, { csrf, outcome: "resolved" }, type)).status).toBe(303);
    expect((await recordAt(service, id)).state).toBe("RESOLVED");
  });
});

describe("the page", () => {
  test("is kept by nobody, framed by nobody, and tells nobody its address", async () => {
    const { link } = await promiseAndLink(service);
    for (const answer of [
      await openPage(service, link),
      await service.send("GET", link.path),
      await service.send("HEAD", link.path, { headers: HTML }),
    ]) {
      expect(answer.status).toBe(200);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(answer.headers.get("referrer-policy")).toBe("no-referrer");
      expect(answer.headers.get("x-robots-tag")).toContain("noindex");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      const csp = answer.headers.get("content-security-policy") ?? "";
      expect(csp).toContain("default-src 'none'");
      expect(csp).toContain("frame-ancestors 'none'");
      expect(csp).not.toContain("unsafe-inline");
    }
  });

  test("shows what is asked, by whom, for whom and until when", async () => {
    const form = {
      title: "Pay <42>",
      description: "Please **approve** <script>alert(1)</script>",
      details: [{ label: "Invoice", value: "R-17" }],
      approveLabel: "Pay it",
    };
    const { id, link } = await promiseAndLink(
      service,
      { audience: "ada@example.com", note: "Before noon" },
      { form, requestedBy: "bob@example.com", timeout: "2d" },
    );
    const { text } = await openPage(service, link);
    for (const part of [
      "Pay &lt;42&gt;",
      "<strong>approve</strong>",
      "R-17",
      "Pay it",
      "Before noon",
    ]) {
      expect(text).toContain(part);
    }
    expect(text).toContain("bob@example.com");
    expect(text).toContain("ada@example.com");
    expect(text).not.toContain("<script>alert");
    expect(text).toContain(new Date((await recordAt(service, id)).timeout).toISOString());
    expect(answerOf(await service.send("GET", link.path)).form).toEqual(form);
  });

  test("an address with something added to it, as mailers do, is still shown", async () => {
    const { link } = await promiseAndLink(service);
    const path = `${link.path}?utm_source=mail&fbclid=1`;
    expect((await service.send("GET", path, { headers: HTML })).status).toBe(200);
  });

  test("a link that is gone says so in the reader's language, and not why", async () => {
    const { link } = await promiseAndLink(service);
    const unknown = { ...link, path: `/l/${link.token.slice(0, -1)}_` };
    await revoke(service, link);
    const pages = await Promise.all([openPage(service, link), openPage(service, unknown)]);
    expect(pages.map(({ status }) => status)).toEqual([404, 404]);
    expect(pages[0]?.text).toBe(pages[1]?.text);
    const german = await openPage(service, link, { "accept-language": "de-AT,de;q=0.9" });
    expect(german.text).toContain("Dieser Link funktioniert nicht");
    expectRefusal(await service.send("GET", link.path), "link_not_found");
  });
});

describe("with keys", () => {
  let guarded: Service;
  const key = { authorization: "Bearer k" };
  beforeAll(async () => {
    guarded = await startService({ env: { API_KEYS: "k" } });
  });
  afterAll(() => guarded.stop());

  test("making, listing and revoking need one; looking and deciding need none", async () => {
    const id = freshId("guarded");
    await guarded.create(id, {}, key);
    const body = { promise: id, audience: "Ada" };
    expectRefusal(await guarded.send("POST", "/links", { body }), "unauthorized");
    const made = linkOf(await guarded.send("POST", "/links", { body, headers: key }));
    expectRefusal(await guarded.send("GET", `/links?promise=${id}`), "unauthorized");
    expectRefusal(await guarded.send("DELETE", `/links/${made.id}`), "unauthorized");
    expect((await openPage(guarded, made)).status).toBe(200);
    expect((await decide(guarded, made)).status).toBe(200);
    const { settledBy } = JSON.parse((await guarded.read(id, key)).text) as {
      settledBy?: object;
    };
    expect(settledBy).toEqual({ how: "link", who: "Ada", link: made.id });
    expect((await guarded.send("DELETE", `/links/${made.id}`, { headers: key })).status).toBe(204);
    expect((await openPage(guarded, made)).status).toBe(404);
  });

  test("a link is no key: its token opens nothing else", async () => {
    const id = freshId("guarded");
    await guarded.create(id, {}, key);
    const made = linkOf(
      await guarded.send("POST", "/links", { body: { promise: id }, headers: key }),
    );
    const headers = { authorization: `Bearer ${made.token}` };
    expectRefusal(await guarded.read(id, headers), "unauthorized");
    expectRefusal(await guarded.settle(id, { state: "RESOLVED" }, headers), "unauthorized");
    expectRefusal(await guarded.send("GET", `/links?promise=${id}`, { headers }), "unauthorized");
  });
});
