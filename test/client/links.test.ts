/**
 * Forms, links, quorum and escalation through the client, against a real server: what is asked for
 * comes back as the record says it, and each way to be refused is an error of its own.
 */
import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  AlreadySettledError,
  type DurablePromises,
  InvalidValueError,
  isApiError,
  isInvalidValueError,
  isNotFoundError,
  isVoteError,
  VoteError,
} from "../../client/src/index.ts";
import { newId, startWorld, type World } from "./world.ts";

const ADA = { name: "ada", key: "key-of-ada-0123456789" };

let world: World;
let promises: DurablePromises;
beforeAll(async () => {
  world = await startWorld();
  promises = world.direct;
});
afterAll(() => world[Symbol.asyncDispose]());

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Decides as a page or an API caller does: with the URL, and no key. */
function decide(url: string, state: "RESOLVED" | "REJECTED", data?: unknown): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ state, value: { data } }),
  });
}

const form = {
  title: "Pay?",
  description: "Please *approve*",
  details: [{ label: "Supplier", value: "ACME" }],
  approveLabel: "Pay",
  rejectLabel: "Do not pay",
  schema: {
    type: "object",
    required: ["amount"],
    properties: { amount: { type: "integer", minimum: 1 } },
  },
};

describe("a form", () => {
  test("comes back with the record, and binds who settles by API", async () => {
    const id = newId();
    const record = await promises.create(id, { form, requestedBy: "bob@example.com" });
    expect(record).toMatchObject({ form, requestedBy: "bob@example.com", state: "PENDING" });

    const error = await errorOf(promises.resolve(id, { amount: 0 }));
    expect(error).toBeInstanceOf(InvalidValueError);
    expect(isInvalidValueError(error) && isApiError(error)).toBe(true);
    expect(error).toMatchObject({
      code: "invalid_value",
      status: 422,
      retryable: false,
      errors: [{ pointer: "/amount", message: expect.any(String) }],
    });
    expect(await promises.get(id)).toMatchObject({ state: "PENDING" });
    expect(await promises.resolve(id, { amount: 1 })).toMatchObject({
      state: "RESOLVED",
      settledBy: { how: "api" },
    });
  });

  test("that nobody could fill in is refused at creation", async () => {
    const schema = { type: "string", pattern: "(" };
    const error = await errorOf(promises.create(newId(), { form: { schema } }));
    expect(error).toMatchObject({ code: "invalid_request", field: expect.stringMatching(/^form/) });
  });
});

describe("a link", () => {
  test("is made with its URL, listed without it, and decides once", async () => {
    const id = `${newId()}/ü ?`;
    await promises.create(id, { form });
    const made = await promises.links.create(id, {
      audience: "ada@example.com",
      note: "urgent",
      expiresIn: "1h",
    });
    expect(made).toMatchObject({
      promise: id,
      allow: "choose",
      standing: "good",
      audience: "ada@example.com",
      note: "urgent",
      uses: 0,
      usesMax: 1,
      url: expect.stringContaining(`${world.url}/l/`),
    });
    expect(made.expiresOn - made.createdOn).toBe(3_600_000);
    const { url, ...rest } = made;
    expect(await promises.links.list(id)).toEqual([rest]);

    for (const method of ["GET", "HEAD", "OPTIONS"]) await fetch(url, { method });
    expect((await promises.get(id)).state).toBe("PENDING");
    expect((await decide(url, "RESOLVED", { amount: 3 })).status).toBe(200);
    expect(await promises.get(id)).toMatchObject({
      state: "RESOLVED",
      value: { data: { amount: 3 } },
      settledBy: { how: "link", who: "ada@example.com", link: made.id },
    });
    expect(await promises.links.list(id)).toMatchObject([{ standing: "used", uses: 1 }]);
  });

  test("of one outcome has it, and any number of uses", async () => {
    const id = newId();
    await promises.create(id);
    const outcome = { state: "REJECTED", value: { data: { why: "no budget" } } } as const;
    const { url, ...link } = await promises.links.create(id, { allow: "fixed", outcome, uses: 3 });
    expect(link).toMatchObject({ allow: "fixed", outcome, usesMax: 3 });
    await fetch(url, { method: "POST" });
    expect(await promises.get(id)).toMatchObject({ state: "REJECTED", value: outcome.value });
  });

  test("is revoked at once, and others are not", async () => {
    const id = newId();
    await promises.create(id);
    const [first, second] = [await promises.links.create(id), await promises.links.create(id)];
    await promises.links.revoke(first.id);
    await promises.links.revoke(first.id); // As a repetition would.
    expect((await decide(first.url, "RESOLVED")).status).toBe(404);
    const standings = (await promises.links.list(id)).map(({ standing }) => standing);
    expect(standings.toSorted()).toEqual(["good", "revoked"]);
    expect((await decide(second.url, "RESOLVED")).status).toBe(200);
  });

  test("that is not there is link_not_found, and a promise that is not there not_found", async () => {
    const id = newId();
    await promises.create(id);
    const { id: link } = await promises.links.create(id);
    for (const unknown of [`${link.slice(0, -1)}_`, "lnk_x.y", "no link"]) {
      expect(await errorOf(promises.links.revoke(unknown))).toMatchObject({
        code: "link_not_found",
        status: 404,
      });
    }
    expect(isNotFoundError(await errorOf(promises.links.create(newId())))).toBe(true);
    for (const bad of ["", "a/../b"]) {
      expect(await errorOf(promises.links.create(bad))).toMatchObject({
        message: expect.stringMatching(/^id must/),
      });
    }
    const cyclic: Record<string, unknown> = {};
    cyclic["self"] = cyclic;
    const outcome = { state: "RESOLVED", value: { data: cyclic } } as const;
    expect(await errorOf(promises.links.create(id, { allow: "fixed", outcome }))).toBeInstanceOf(
      TypeError,
    );
  });
});

describe("a callback", () => {
  test("takes what a sender signs, and maps it; nobody else's", async () => {
    const id = newId();
    await promises.create(id);
    const { url, ...link } = await promises.links.create(id, {
      allow: "callback",
      mapping: { outcome: "/status", rejected: ["failed"], value: "/data" },
      verifier: { scheme: "github", secrets: ["s3cret"] },
    });
    expect(link).toMatchObject({ allow: "callback", verifier: { scheme: "github" } });
    expect(JSON.stringify(link)).not.toContain("s3cret");

    const body = JSON.stringify({ status: "failed", data: { reason: "no funds" } });
    const post = (signature: string) =>
      fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", "x-hub-signature-256": signature },
        body,
      });
    expect((await post("sha256=00")).status).toBe(401);
    const signature = createHmac("sha256", "s3cret").update(body).digest("hex");
    for (const _ of [1, 2]) expect((await post(`sha256=${signature}`)).status).toBe(200);
    expect(await promises.get(id)).toMatchObject({
      state: "REJECTED",
      value: { data: { reason: "no funds" } },
      settledBy: { how: "callback", link: link.id },
    });
  });
});

describe("a quorum", () => {
  const voters = ["ada", "bob", "cy"];
  const links = (id: string) =>
    Promise.all(voters.map((audience) => promises.links.create(id, { audience })));

  test("is filled in, shows its votes, and settles with the last one needed", async () => {
    const id = newId();
    const { quorum } = await promises.create(id, { quorum: { approvals: 2, voters } });
    expect(quorum).toEqual({ approvals: 2, of: 3, voters, veto: false, excludeRequester: false });
    const [ada, , cy] = await links(id);
    expect((await decide(ada!.url, "RESOLVED")).status).toBe(202);
    expect(await promises.get(id)).toMatchObject({
      state: "PENDING",
      votes: [{ by: "ada", approves: true, at: expect.any(Number) }],
    });
    await decide(cy!.url, "RESOLVED", "fine");
    expect(await promises.get(id)).toMatchObject({
      state: "RESOLVED",
      value: { data: "fine" },
      votes: [{ by: "ada" }, { by: "cy" }],
    });
  });

  test("by API: one's vote counts once, and one who may not has none", async () => {
    await using own = await startWorld({ API_KEYS: ADA.key });
    const id = newId();
    await own.direct.create(id, { quorum: { approvals: 2, of: 3 } });
    // A vote is no settlement: what comes back is pending, and nothing is lost.
    const voted = await own.direct.resolve(id, 1);
    expect(voted).toMatchObject({ state: "PENDING", votes: [{ approves: true }] });
    const again = await errorOf(own.direct.resolve(id, 1));
    expect(again).toBeInstanceOf(VoteError);
    expect(again).not.toBeInstanceOf(AlreadySettledError);
    expect(again).toMatchObject({ code: "already_voted", record: { id, votes: [{}] } });

    const closed = newId();
    await own.direct.create(closed, { quorum: { approvals: 1, voters: ["somebody else"] } });
    const excluded = await errorOf(own.direct.reject(closed));
    expect(isVoteError(excluded)).toBe(true);
    expect(excluded).toMatchObject({ code: "not_a_voter", record: { id: closed } });
    // Who asked may withdraw.
    expect((await own.direct.cancel(closed)).state).toBe("REJECTED_CANCELED");
  });

  test("with a veto ends with the first refusal", async () => {
    const id = newId();
    await promises.create(id, { quorum: { approvals: 2, voters, veto: true } });
    const [, bob] = await links(id);
    await decide(bob!.url, "REJECTED", "no");
    expect(await promises.get(id)).toMatchObject({ state: "REJECTED", value: { data: "no" } });
  });
});

describe("an escalation", () => {
  test("takes durations as people write them, and settles when nobody does", async () => {
    const id = newId();
    const record = await promises.create(id, {
      deadline: "10m",
      escalation: [
        { after: 50, extend: "1h" },
        { after: "0.2s", settle: { state: "REJECTED", value: { data: "nobody answered" } } },
      ],
    });
    expect(record.escalation).toMatchObject([
      { after: 50, extend: 3_600_000 },
      { after: 200, settle: { state: "REJECTED", value: { data: "nobody answered" } } },
    ]);
    await expect(promises.wait(id)).rejects.toMatchObject({
      code: "rejected",
      reason: "nobody answered",
      record: { settledBy: { how: "escalation" }, escalation: [{ done: true }, { done: true }] },
    });
    const ended = await promises.get(id);
    expect(ended.timeout - record.timeout).toBe(3_600_000);
  });

  test("with a duration that is none is refused here, by name", async () => {
    const escalation = [{ after: "1h" }, { after: "soon" }];
    await expect(promises.create(newId(), { escalation })).rejects.toThrow(
      'escalation[1].after is not a duration: "soon"',
    );
  });
});
