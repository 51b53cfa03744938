/**
 * Decisions by several: N of M, with a veto or without, nobody twice, not the requester if so asked;
 * settled when the count is reached or cannot be any more (issue 3, section 3).
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSocket } from "./awaiter.ts";
import {
  answerOf,
  decide,
  makeLink,
  openPage,
  recordAt,
  send,
  shownLinks,
  staleCsrf,
  submit,
  type MadeLink,
} from "./link.ts";
import { expectRefusal } from "./refusal.ts";
import { freshId, startService, type Answer, type Service } from "./service.ts";
import { withTime } from "../eventually.ts";

const NO = { state: "REJECTED" };

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

async function ask(quorum: object, more: object = {}): Promise<string> {
  const id = freshId("quorum");
  const created = await service.create(id, { quorum, ...more });
  expect(created.status, created.text).toBe(201);
  return id;
}

const voterLink = (id: string, audience: string, more: object = {}): Promise<MadeLink> =>
  makeLink(service, id, { audience, ...more });

async function vote(id: string, who: string, body?: object): Promise<Answer> {
  return decide(service, await voterLink(id, who), body);
}

async function votesOf(id: string): Promise<string> {
  const { votes = [] } = await recordAt(service, id);
  return votes.map(({ by, approves }) => `${approves ? "+" : "-"}${by}`).join(" ");
}

describe("N of M", () => {
  test("is settled by the vote that reaches the count, and shows each vote", async () => {
    const id = await ask({ approvals: 2, of: 3 });
    const first = await vote(id, "Ada");
    expect(first.status).toBe(202);
    expect(answerOf(first)).toMatchObject({ state: "PENDING", outcome: "voted" });
    const before = Date.now();
    const second = await vote(id, "Bob", { state: "RESOLVED", value: { data: "Bob's" } });
    expect(second.status).toBe(200);
    expect(answerOf(second)).toMatchObject({ state: "RESOLVED", outcome: "settled" });
    const record = await recordAt(service, id);
    expect(record).toMatchObject({
      state: "RESOLVED",
      value: { data: "Bob's" },
      quorum: { approvals: 2, of: 3, veto: false, excludeRequester: false },
      votes: [
        { by: "Ada", approves: true },
        { by: "Bob", approves: true },
      ],
      settledBy: { how: "link", who: "Bob" },
    });
    expect(record.votes?.[1]?.at).toBeGreaterThanOrEqual(before);
    expect(record.votes?.[1]?.at).toBe(record.completedOn);
    expect(answerOf(second).votes).toEqual(record.votes);
  });

  test.each([
    ["1 of 1", { approvals: 1 }, "+", "RESOLVED"],
    ["1 of 3, the others no", { approvals: 1, of: 3 }, "--+", "RESOLVED"],
    ["2 of 3, one no", { approvals: 2, of: 3 }, "+-+", "RESOLVED"],
    ["2 of 3, two no: out of reach", { approvals: 2, of: 3 }, "+--", "REJECTED"],
    ["3 of 3, one no: out of reach", { approvals: 3, of: 3 }, "++-", "REJECTED"],
    ["3 of 5, two no", { approvals: 3, of: 5 }, "-+-+", "PENDING"],
    ["3 of 5, three no", { approvals: 3, of: 5 }, "-+-+-", "REJECTED"],
    ["2 of 2 unless said otherwise", { approvals: 2 }, "-", "REJECTED"],
    ["a veto ends it at once", { approvals: 2, of: 3, veto: true }, "+-", "REJECTED"],
    ["a veto as the first word", { approvals: 2, of: 9, veto: true }, "-", "REJECTED"],
    ["a veto that nobody uses", { approvals: 2, of: 3, veto: true }, "++", "RESOLVED"],
  ])("%s", async (_name, quorum, votes, state) => {
    const id = await ask(quorum);
    for (const [index, word] of Array.from(votes).entries()) {
      const answer = await vote(id, `v${index}`, word === "+" ? undefined : NO);
      const isLast = index === votes.length - 1;
      expect(answer.status, `vote ${index}`).toBe(isLast && state !== "PENDING" ? 200 : 202);
    }
    const record = await recordAt(service, id);
    expect(record.state).toBe(state);
    expect(record.votes?.length).toBe(votes.length);
  });

  test("after the end nobody votes any more, and learns how it ended", async () => {
    const id = await ask({ approvals: 1, of: 3 });
    await vote(id, "Ada");
    const late = await vote(id, "Bob", NO);
    expect(late.status).toBe(409);
    expect(answerOf(late)).toMatchObject({ state: "RESOLVED", settledBy: { who: "Ada" } });
    expect(await votesOf(id)).toBe("+Ada");
  });

  test("the deadline ends it with the votes as they are", async () => {
    const id = await withTime(400, async (ms) => {
      const id = await ask({ approvals: 2, of: 2 }, { timeout: `${ms}ms` });
      expect((await vote(id, "Ada")).status).toBe(202);
      return id;
    });
    const waited = await service.send("GET", `${service.address(id)}?wait=10s`);
    expect(JSON.parse(waited.text)).toMatchObject({ state: "REJECTED_TIMEDOUT" });
    expect(await votesOf(id)).toBe("+Ada");
    expect((await vote(id, "Bob")).status).toBe(409);
    expect(await votesOf(id)).toBe("+Ada");
  });
});

describe("nobody twice", () => {
  test.each([
    [
      "by one link",
      async (id: string) => {
        const link = await voterLink(id, "Ada", { uses: 5 });
        return [link, link];
      },
    ],
    [
      "by two links for one person",
      async (id: string) => [await voterLink(id, "Ada"), await voterLink(id, "Ada")],
    ],
    [
      "by a page and a callback",
      async (id: string) => [
        await voterLink(id, "Ada"),
        await voterLink(id, "Ada", { allow: "callback" }),
      ],
    ],
    [
      "by a choice and a fixed outcome",
      async (id: string) => [
        await voterLink(id, "Ada"),
        await voterLink(id, "Ada", { allow: "fixed", outcome: { state: "RESOLVED" } }),
      ],
    ],
  ])("%s", async (_name, linksOf) => {
    const id = await ask({ approvals: 2, of: 3 });
    const [one, two] = await linksOf(id);
    expect((await decide(service, one!)).status).toBe(202);
    const again = await decide(service, two!);
    expect(again.status).toBeLessThan(500);
    expect(await votesOf(id)).toBe("+Ada");
    expect((await recordAt(service, id)).state).toBe("PENDING");
  });

  test("nor may anybody change their mind", async () => {
    const id = await ask({ approvals: 1, of: 3 });
    await vote(id, "Ada", NO);
    await vote(id, "Ada");
    expect(await votesOf(id)).toBe("-Ada");
    expect((await recordAt(service, id)).state).toBe("PENDING");
  });

  test("a vote that is not counted costs its link no use", async () => {
    const id = await ask({ approvals: 2, of: 3 });
    await vote(id, "Ada");
    await vote(id, "Ada");
    const uses = (await shownLinks(service, id)).map((link) => link.uses);
    expect(new Set(uses)).toEqual(new Set([0, 1]));
  });

  test("links for nobody in particular are a voter each", async () => {
    const id = await ask({ approvals: 2, of: 2 });
    const links = [await makeLink(service, id), await makeLink(service, id)];
    for (const link of links) await decide(service, link);
    expect(await votesOf(id)).toBe(links.map((link) => `+link ${link.id}`).join(" "));
    expect((await recordAt(service, id)).state).toBe("RESOLVED");
  });

  test("a caller who is nobody votes once, too", async () => {
    const id = await ask({ approvals: 2, of: 3 });
    expect((await service.settle(id, { state: "RESOLVED" })).status).toBe(202);
    const again = await service.settle(id, { state: "RESOLVED" });
    expectRefusal(again, "already_voted");
    expect((await recordAt(service, id)).votes?.length).toBe(1);
  });
});

describe("who may vote", () => {
  test("not the requester, if so asked", async () => {
    const id = await ask({ approvals: 1, of: 3, excludeRequester: true }, { requestedBy: "bob" });
    const own = await vote(id, "bob");
    expect([403, 409]).toContain(own.status);
    expect((await recordAt(service, id)).votes ?? []).toEqual([]);
    expect((await vote(id, "Ada")).status).toBe(200);
  });

  test("the requester, if nobody minds", async () => {
    const id = await ask({ approvals: 1, of: 3 }, { requestedBy: "bob" });
    expect((await vote(id, "bob")).status).toBe(200);
  });

  test("only those on the list, where there is one", async () => {
    const id = await ask({ approvals: 2, voters: ["Ada", "Bob", "Cyd"] });
    expect((await recordAt(service, id)).quorum).toMatchObject({
      of: 3,
      voters: ["Ada", "Bob", "Cyd"],
    });
    for (const stranger of ["Eve", "ada", "Ada "]) {
      expect([403, 409]).toContain((await vote(id, stranger)).status);
    }
    expect([403, 409]).toContain((await decide(service, await makeLink(service, id))).status);
    expectRefusal(await service.settle(id, { state: "RESOLVED" }), "not_a_voter");
    expect((await recordAt(service, id)).votes ?? []).toEqual([]);
    await vote(id, "Cyd");
    await vote(id, "Ada");
    expect(await recordAt(service, id)).toMatchObject({ state: "RESOLVED" });
  });

  test.each([
    ["more approvals than voters", { approvals: 3, of: 2 }, "quorum.approvals"],
    ["more approvals than are listed", { approvals: 2, voters: ["a"] }, "quorum.approvals"],
    ["none at all", { approvals: 0 }, "quorum.approvals"],
    ["a part of one", { approvals: 1.5 }, "quorum.approvals"],
    ["too many", { approvals: 1, of: 101 }, "quorum.of"],
    ["a name twice", { approvals: 1, voters: ["a", "a"] }, "quorum.voters"],
    ["an empty list", { approvals: 1, voters: [] }, "quorum.voters"],
    ["a list of another length", { approvals: 1, of: 3, voters: ["a", "b"] }, "quorum.of"],
    ["an unknown word", { approvals: 1, weight: 2 }, "quorum.weight"],
    // Of two who may vote, one asked: two approvals can never be reached.
    [
      "a requester on the list without whom it cannot be reached",
      { approvals: 2, voters: ["bob", "Ada"], excludeRequester: true },
      "quorum.approvals",
    ],
  ])("%s is refused", async (_name, quorum, field) => {
    const id = freshId("quorum");
    const created = await service.create(id, { quorum, requestedBy: "bob" });
    expectRefusal(created, "invalid_request", field);
  });

  test("a listed requester who may not vote does not count as one who could", async () => {
    const id = await ask(
      { approvals: 2, voters: ["bob", "Ada", "Cyd"], excludeRequester: true },
      { requestedBy: "bob" },
    );
    // Ada and Cyd are left, and both are needed.
    await vote(id, "Ada", NO);
    expect((await recordAt(service, id)).state).toBe("REJECTED");
  });
});

const staleForm = ({ path }: MadeLink, entries: object) => ({
  csrf: staleCsrf(path),
  ...entries,
});

function expectPage({ status, headers, text }: Answer, expected: number, words: string[]): void {
  expect(status, text).toBe(expected);
  expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(headers.get("cache-control")).toBe("no-store");
  expect(text).not.toContain("<form");
  for (const word of words) expect(text).toContain(word);
}

describe("a person whose vote does not count", () => {
  const YES = { outcome: "resolved" };
  const JSON_ONLY = { accept: "application/json" };

  const LIST = { approvals: 2, voters: ["bob", "Ada", "Cyd"], excludeRequester: true };
  test.each<[string, string | undefined, string]>([
    ["who asked", "bob", "You asked for this decision"],
    ["who is not on the list", "Eve &", ">Eve &amp;</b> is not one of them"],
    ["of whom nobody knows who they are", undefined, "this link names nobody"],
  ])("%s, sees why, and how the vote stands", async (_, audience, why) => {
    const id = await ask(LIST, { requestedBy: "bob" });
    await vote(id, "Ada");
    for (const more of [{}, { allow: "fixed", outcome: { state: "RESOLVED" } }]) {
      const link = await makeLink(service, id, { ...(audience && { audience }), ...more });
      const words = ["You may not vote on this", why, "1 of 2 approvals", ">Ada</b>"];
      expectPage(await openPage(service, link), 200, words);
      expectPage(await send(service, link, staleForm(link, YES)), 403, words);
      const german = await send(service, link, staleForm(link, YES), { "accept-language": "de" });
      expectPage(german, 403, ["Sie können hier nicht abstimmen", "1 von 2 Zustimmungen"]);
      const told = await send(service, link, staleForm(link, YES), JSON_ONLY);
      expectRefusal(told, "not_a_voter");
    }
    expect(await votesOf(id)).toBe("+Ada");
  });

  test("for they have voted otherwise before, sees that, and what counts", async () => {
    const id = await ask({ approvals: 2, of: 3 });
    const [first, second] = [await voterLink(id, "Ada"), await voterLink(id, "Ada")];
    const stale = staleForm(second, { outcome: "rejected", reason: "No" });
    expect((await submit(service, first, YES)).status).toBe(303);
    const words = ["You have voted already", "<b>Approved</b>", "1 of 2 approvals"];
    expectPage(await send(service, second, stale), 409, words);
    expectRefusal(await send(service, second, stale, JSON_ONLY), "already_voted");
    // With the link that was used up by it, the same.
    const used = staleForm(first, { outcome: "rejected" });
    expectPage(await send(service, first, used), 409, words);
    expect(await votesOf(id)).toBe("+Ada");
    // To click twice is to vote once.
    for (const link of [first, second]) {
      expect((await send(service, link, staleForm(link, YES))).status).toBe(303);
      expectPage(await openPage(service, link), 200, ["Your vote is recorded"]);
    }
    expect((await shownLinks(service, id)).map(({ uses }) => uses)).toEqual([1, 0]);
  });

  test("is shown none of their mistakes", async () => {
    const schema = { type: "object", required: ["n"], properties: { n: { type: "integer" } } };
    const id = await ask(LIST, { requestedBy: "bob", form: { schema } });
    const [own, ada] = [await voterLink(id, "bob"), await voterLink(id, "Ada")];
    const wrong = { ...YES, "value/n": "x" };
    expectPage(await send(service, own, staleForm(own, wrong)), 403, ["You may not vote on this"]);
    expect((await submit(service, ada, wrong)).status).toBe(422);
    expect((await submit(service, ada, { ...YES, "value/n": "1" })).status).toBe(303);
    expect((await send(service, ada, staleForm(ada, wrong))).status).toBe(303);
  });

  test("may withdraw what they have asked for", async () => {
    const id = await ask(LIST, { requestedBy: "bob" });
    const outcome = { state: "REJECTED_CANCELED" };
    const link = await voterLink(id, "bob", { allow: "fixed", outcome });
    expect((await submit(service, link, { outcome: "rejected" })).status).toBe(303);
    expect((await recordAt(service, id)).state).toBe("REJECTED_CANCELED");
  });
});

describe("the requester's cancel", () => {
  test("needs no vote: with a key, or where there are none, it is withdrawn", async () => {
    const id = await ask({ approvals: 2, of: 3 });
    await vote(id, "Ada");
    const answer = await service.settle(id, {
      state: "REJECTED_CANCELED",
      value: { data: "done" },
    });
    expect(answer.status).toBe(201);
    expect(await recordAt(service, id)).toMatchObject({ state: "REJECTED_CANCELED" });
    expect(await votesOf(id)).toBe("+Ada");
  });

  test("is not a voter's: one of three cannot end it alone by its own link", async () => {
    const id = await ask({ approvals: 2, of: 3 }, { requestedBy: "bob" });
    const answer = await vote(id, "Eve", { state: "REJECTED_CANCELED" });
    expect(answer.status).toBeLessThan(500);
    expect((await recordAt(service, id)).state).toBe("PENDING");
  });
});

describe("everybody is told", () => {
  test("who waits, of each vote and of the end; who polls, of the end", async () => {
    const id = await ask({ approvals: 2, of: 3 });
    const socket = await openSocket(service, id);
    expect((await socket.next())?.type).toBe("pending");
    const poll = service.send("GET", `${service.address(id)}?wait=20s`);
    await vote(id, "Ada");
    expect(await socket.next()).toMatchObject({
      type: "pending",
      promise: { votes: [{ by: "Ada", approves: true }] },
    });
    await vote(id, "Bob");
    const frame = await socket.next();
    expect(frame).toMatchObject({ type: "settled", promise: { state: "RESOLVED" } });
    socket.close();
    expect(JSON.parse((await poll).text)).toMatchObject({ state: "RESOLVED" });
  });

  test("who asks again with the tag of what they know: a vote makes another record", async () => {
    const id = await ask({ approvals: 2, of: 3 });
    const before = await service.read(id);
    const known = { "if-none-match": before.headers.get("etag") ?? "" };
    expect((await service.read(id, known)).status).toBe(304);
    await vote(id, "Ada");
    const after = await service.read(id, known);
    expect(after.status).toBe(200);
    expect(after.headers.get("etag")).not.toBe(before.headers.get("etag"));
  });

  test("on the page: the votes so far, one's own, and the end", async () => {
    const id = await ask({ approvals: 2, of: 3 });
    const [ada, bob] = [await voterLink(id, "Ada"), await voterLink(id, "Bob")];
    expect((await openPage(service, bob)).text).toContain("0 of 2 approvals");
    expect((await submit(service, ada, { outcome: "resolved" })).status).toBe(303);
    const own = await openPage(service, ada);
    expect(own.text).toContain("Your vote is recorded");
    expect(own.text).not.toContain("<form");
    const other = await openPage(service, bob);
    expect(other.text).toContain("1 of 2 approvals");
    expect(other.text).toMatch(/<b[^>]*>Ada<\/b>/);
    expect(other.text).toContain("<form");
    await submit(service, bob, { outcome: "resolved" });
    expect((await openPage(service, ada)).text).toMatch(/Decided by <b[^>]*>Bob<\/b>/);
    expect((await openPage(service, bob)).text).toContain("You decided on");
  });

  test("whoever may not vote, on the page", async () => {
    const id = await ask({ approvals: 1, voters: ["Ada"] });
    const eve = await voterLink(id, "Eve");
    const page = await openPage(service, eve);
    if (page.text.includes("<form")) {
      const answer = await submit(service, eve, { outcome: "resolved" });
      expect(answer.status, "a click that counts for nothing must say so").toBe(403);
    }
    expect((await recordAt(service, id)).votes ?? []).toEqual([]);
  });
});

describe("at once", () => {
  test.each([3, 5, 10])("of ten voters %s are counted, to the letter", async (approvals) => {
    const id = await ask({ approvals, of: 10 });
    const links = await Promise.all(Array.from({ length: 10 }, (_, n) => voterLink(id, `v${n}`)));
    const answers = await Promise.all(links.map((link) => decide(service, link)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 202).length).toBe(approvals - 1);
    expect(statuses.filter((status) => status === 200).length).toBe(1);
    expect(statuses.filter((status) => status === 409).length).toBe(10 - approvals);
    const record = await recordAt(service, id);
    expect(record.state).toBe("RESOLVED");
    expect(record.votes?.length).toBe(approvals);
    expect(new Set(record.votes?.map(({ by }) => by)).size).toBe(approvals);
    const uses = (await shownLinks(service, id)).map((link) => link.uses);
    expect(uses.filter((count) => count === 1).length).toBe(approvals);
    const winner = answers.find(({ status }) => status === 200);
    expect(record.votes?.at(-1)?.by).toBe(answerOf(winner!).settledBy?.who);
  });

  test("ten with one name are one voter", async () => {
    const id = await ask({ approvals: 2, of: 10 });
    const links = await Promise.all(Array.from({ length: 10 }, () => voterLink(id, "Ada")));
    await Promise.all(links.map((link) => decide(service, link)));
    expect(await votesOf(id)).toBe("+Ada");
    expect((await recordAt(service, id)).state).toBe("PENDING");
  });

  test("five say yes and five say no: what is settled is what the votes say", async () => {
    for (let round = 0; round < 10; round += 1) {
      const id = await ask({ approvals: 5, of: 9 });
      const links = await Promise.all(Array.from({ length: 10 }, (_, n) => voterLink(id, `v${n}`)));
      await Promise.all(links.map((link, n) => decide(service, link, n % 2 ? NO : undefined)));
      const { state, votes = [] } = await recordAt(service, id);
      const yes = votes.filter(({ approves }) => approves).length;
      if (state === "RESOLVED") expect(yes).toBe(5);
      else expect([state, votes.length - yes]).toEqual(["REJECTED", 5]);
    }
  });
});

test("with keys, a caller's vote bears its name, and a link for that name is no second one", async () => {
  const guarded = await startService({ env: { API_KEYS: "root" } });
  try {
    const root = { authorization: "Bearer root" };
    const keyFor = async (name: string): Promise<Record<string, string>> => {
      const body = { name, scopes: ["settle", "read"], prefixes: ["*"] };
      const made = await guarded.send("POST", "/keys", { body, headers: root });
      expect(made.status, made.text).toBe(201);
      const [key] = /dpk?_[\w.-]+|"(?:key|secret|token)":"([^"]+)"/.exec(made.text)?.slice(1) ?? [];
      return { authorization: `Bearer ${key}` };
    };
    const id = freshId("quorum");
    await guarded.create(id, { quorum: { approvals: 2, of: 3 } }, root);
    const ada = await keyFor("Ada");
    const bob = await keyFor("Bob");
    expect((await guarded.settle(id, { state: "RESOLVED" }, ada)).status).toBe(202);
    expectRefusal(await guarded.settle(id, { state: "RESOLVED" }, ada), "already_voted");
    const body = { promise: id, audience: "Ada" };
    const made = await guarded.send("POST", "/links", { body, headers: root });
    const { pathname } = new URL((JSON.parse(made.text) as { url: string }).url);
    await guarded.send("POST", pathname, { body: { state: "RESOLVED" } });
    const { votes } = JSON.parse((await guarded.read(id, root)).text) as { votes: unknown[] };
    expect(votes).toEqual([{ by: "Ada", approves: true, at: expect.any(Number) }]);
    expect((await guarded.settle(id, { state: "RESOLVED" }, bob)).status).toBe(201);
    expect(JSON.parse((await guarded.read(id, root)).text)).toMatchObject({
      state: "RESOLVED",
      settledBy: { how: "api", who: "Bob" },
    });
  } finally {
    await guarded.stop();
  }
});
