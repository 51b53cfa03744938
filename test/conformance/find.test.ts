/**
 * Search over HTTP: `GET /promises?…`, parameter by parameter, written from the contract alone. Every
 * group has its own corner of ids; all of them are made at the start, as an index hears of a birth
 * a second later. What is found when queries are mixed is in `find-random.test.ts`.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  LIMITS,
  NEVER,
  SORTS,
  type ApiKey,
  type PromiseRecord,
  type PromiseSummary,
  type Stats,
} from "../../client/src/protocol.ts";
import {
  ask,
  expectFound,
  find,
  findAll,
  parametersOf,
  summaryOf,
  type Finder,
  type Parameters,
} from "./finding.ts";
import { compareIds, search } from "./find-model.ts";
import { expectRefusal } from "./refusal.ts";
import { freshId, recordOf, startService, type Service } from "./service.ts";
import { eventually, withTime } from "../eventually.ts";

const ROOT = { authorization: "Bearer root" };

let service: Service;
let root: Finder;
const born = new Map<string, PromiseRecord>();

async function bear(id: string, body: object = {}): Promise<PromiseRecord> {
  const answer = await service.create(id, body, ROOT);
  expect(answer.status, `${id}: ${answer.text}`).toBe(201);
  const record = recordOf(answer);
  born.set(id, record);
  return record;
}

async function settle(id: string, body: object = { state: "RESOLVED" }): Promise<PromiseRecord> {
  const answer = await service.settle(id, body, ROOT);
  expect(answer.status, `${id}: ${answer.text}`).toBe(201);
  return recordOf(answer);
}

async function truthOf(id: string): Promise<PromiseRecord> {
  const answer = await service.read(id, ROOT);
  expect(answer.status, id).toBe(200);
  return recordOf(answer);
}

async function ids(parameters: string | Parameters): Promise<string[]> {
  const list = typeof parameters === "string" ? parametersOf(parameters) : parameters;
  return (await findAll(root, [["view", "summary"], ...list])).map(({ id }) => id);
}

/** Ids with everything in them that means something to a pattern, a database or an address. */
const IDS = [
  "a",
  "A",
  "ab",
  "abc",
  "a/b",
  "a/b/c",
  "a?b",
  "a[b]",
  "[ab]",
  "a_b",
  "a%b",
  "a%2Fb",
  "a\\b",
  'a"b',
  "a'b",
  "a*b",
  "a b",
  "a+b",
  "a&b=c#d",
  "a,b",
  "ü",
  "u\u0308",
  "\uFFFD",
  "😀",
  "😀b😀",
  "__proto__",
  "--",
].map((id) => `ids/${id}`);

/** Tags with everything in them that means something to JSON, a path in JSON, or a query. */
const TAGS: [label: string, key: string, value: string][] = [
  ["a word", "region", "eu"],
  ["a quote", 'say "hi"', 'she said "hi"'],
  ["a single quote", "it's", "'; DROP TABLE promises; --"],
  ["a backslash", "a\\b", "c:\\new\\table"],
  ["a newline", "line\none", "line\ntwo\r\nthree"],
  ["a tab and a NUL's neighbour", "a\tb", "\u0001"],
  ["__proto__", "__proto__", "polluted"],
  ["constructor", "constructor", "toString"],
  ["dots", "a.b.c", "d.e"],
  ["brackets", "a[b][c]", "[d]"],
  ["a closing bracket", "a]", "]"],
  ["an opening bracket", "[a", "["],
  ["a dollar and a hash", "$.a#0", "$"],
  ["an equals sign", "a=b", "c=d&e"],
  ["a plus and a percent", "a+b%20c", "1+1=2%"],
  ["a comma", "a,b", "c,d"],
  ["an emoji", "😀", "👍🏽"],
  ["wildcards", "w*?_%", "*"],
  ["another case", "Region", "EU"],
  ["a colon and a slash", "resonate:invoke", "poll://any@x/y"],
  ["an empty value", "empty", ""],
  ["a number", "0", "1e3"],
  ["spaces around", " a ", " b "],
];

const HOUR = 3_600_000;
/** Promises that are born settled are created and settled at their deadline: instants to order by. */
const [FIRST, SECOND, THIRD] = [1_600_000_000_000, 1_600_000_000_001, 1_700_000_000_000];
const soon = Date.now() + HOUR;

beforeAll(async () => {
  service = await startService({ env: { API_KEYS: "root" } });
  root = { service, headers: ROOT };
  const births = [
    ...IDS.map((id) => bear(id)),
    ...TAGS.map(([, key, value], place) => {
      // Not as a literal, where `__proto__` would be something else.
      const tags = Object.fromEntries([[key, value]]);
      return bear(`tags/${place}`, { tags });
    }),
    bear("tags/two", { tags: { one: "1", two: "2", region: "eu" } }),
    bear("tags/none"),
    ...["RESOLVED", "REJECTED", "REJECTED_CANCELED"].map(async (state) => {
      await bear(`states/${state}`);
      await settle(`states/${state}`, { state });
    }),
    bear("states/PENDING"),
    bear("states/REJECTED_TIMEDOUT", { timeout: FIRST }),
    bear("times/first", { timeout: FIRST }),
    bear("times/second", { timeout: SECOND, tags: { "resonate:timer": "true" } }),
    bear("times/third", { timeout: THIRD, onTimeout: { state: "RESOLVED" } }),
    bear("times/soon", { timeout: soon }),
    bear("times/never"),
    bear("words/Order-42", { tags: { Kunde: "Müller GmbH", note: "50% off_now" } }),
    bear("words/refund", {
      form: { title: "Refund the ÄRGER?", description: "hidden words" },
      requestedBy: "Ada@Example.com",
      param: { data: "hidden words" },
    }),
    bear("words/日本語/заказ", { tags: { город: "Москва" } }),
    ...["b", "a", "😀", "\uFFFD", "c"].flatMap((name) => [
      bear(`ties/past/${name}`, { timeout: FIRST }),
      bear(`ties/due/${name}`, { timeout: soon }),
    ]),
    bear("ties/past/later", { timeout: SECOND }),
    bear("ties/due/later", { timeout: soon + 1 }),
    ...Array.from({ length: 12 }, (_, place) => bear(`limits/${String(place).padStart(2, "0")}`)),
    ...Array.from({ length: 20 }, (_, place) => bear(`more/${place}`)),
    bear("views/pending", {
      timeout: "1h",
      param: { headers: { a: "b" }, data: { n: 1 } },
      tags: { a: "1" },
      form: { title: "Well?" },
      requestedBy: "ada",
    }),
    bear("views/settled").then(() =>
      settle("views/settled", { state: "REJECTED", value: { data: "no" } }),
    ),
    bear("views/timedout", { timeout: FIRST }),
  ];
  await Promise.all(births);
  await eventually(() => expectCount("", births.length));
});

afterAll(() => service.stop());

async function expectCount(parameters: string, count: number): Promise<void> {
  const counted = parametersOf("limit=1&count=true&view=summary");
  expect((await find(root, [...counted, ...parametersOf(parameters)])).count).toBe(count);
}

/** A call of Resonate's protocol, which has to succeed. */
async function rpc(kind: string, data: object): Promise<void> {
  const body = { kind, head: { corrId: "1", version: "2026-04-01" }, data };
  const answer = await service.send("POST", "/", { body, headers: ROOT });
  // SAFETY: the protocol's envelope.
  const { head } = JSON.parse(answer.text) as { head: { status: number } };
  expect(head.status, `${kind}: ${answer.text}`).toBe(200);
}

async function keyFor(prefixes: string[], scopes = ["read", "await"]): Promise<Finder> {
  const body = { name: "test", scopes, prefixes };
  const answer = await service.send("POST", "/keys", { body, headers: ROOT });
  expect(answer.status, answer.text).toBe(201);
  // SAFETY: as the contract has it, and the key beside it.
  const { key } = JSON.parse(answer.text) as ApiKey & { key: string };
  return { service, headers: { authorization: `Bearer ${key}` } };
}

/** In one corner of ids. */
function under(corner: string, ...names: string[]): string[] {
  return names.map((name) => `${corner}/${name}`);
}

describe("an id", () => {
  test.each(IDS)("%s is found by itself, and nothing with it", async (id) => {
    // A `*` in a pattern is not only itself: that id alone finds more than itself.
    const expected = id === "ids/a*b" ? IDS.filter((other) => /^ids\/a.*b$/.test(other)) : [id];
    expect((await ids([["id", id]])).toSorted()).toEqual(expected.toSorted());
  });

  test.each([
    ["ids/*", IDS],
    ["ids/a*", IDS.filter((id) => id.startsWith("ids/a"))],
    ["ids/A*", under("ids", "A")],
    ["*ds/😀*", under("ids", "😀", "😀b😀")],
    ["ids/*😀", under("ids", "😀", "😀b😀")],
    ["ids/😀*😀", under("ids", "😀b😀")],
    ["ids/a/*", under("ids", "a/b", "a/b/c")],
    ["ids/*/c", under("ids", "a/b/c")],
    ["*ds/a[*", under("ids", "a[b]")],
    ["*ds/a?b", under("ids", "a?b")],
    ["ids/a_*", under("ids", "a_b")],
    ["ids/*_b", under("ids", "a_b")],
    ["*_b*", under("ids", "a_b")],
    ["ids/a%*", under("ids", "a%b", "a%2Fb")],
    ["ids/*\\*", under("ids", "a\\b")],
    ['ids/*"*', under("ids", 'a"b')],
    ["ids/*'*", under("ids", "a'b")],
    ["ids/[*", under("ids", "[ab]")],
    ["ids/*]", under("ids", "a[b]", "[ab]")],
    ["ids/ü*", under("ids", "ü")],
    ["ids/u*", under("ids", "u\u0308")],
    ["ids/a,*", under("ids", "a,b")],
    ["ids/*+*", under("ids", "a+b")],
    ["ids/a**b", IDS.filter((id) => /^ids\/a.*b$/.test(id))],
    ["ids/a*b*c", under("ids", "abc", "a/b/c")],
    ["ids/ab*c", under("ids", "abc")],
    ["ids/abc*", under("ids", "abc")],
    ["ids/*abc", under("ids", "abc")],
    ["ids/ab*bc", []],
    ["ids", []],
    ["ds/*", []],
    ["ids/", []],
    ["ids/\uD7FF*", []],
    ["ids/a\u0000*", []],
  ])("with %s finds what it says", async (pattern, expected) => {
    const found = await ids([
      ["id", pattern],
      ["sort", "id"],
    ]);
    expect(found).toEqual(expected.toSorted(compareIds));
  });

  test("with a `*` between all of its letters is found, or is a 400 that names it", async () => {
    const id = `ids-${"a".repeat(900)}`;
    await bear(id);
    await expectFound(root, [["id", `${id}*`]], [id]);
    for (const stars of [1, 10, 40, 60, 90, 100, 200, 450]) {
      for (const end of ["", "b"]) {
        const pattern = `ids-${"*a".repeat(stars)}*${end}`;
        const asked = Date.now();
        const answer = await ask(root, [["id", pattern], ...parametersOf("view=summary&q=ids a")]);
        // An honest pattern has a few; many must cost nobody anything.
        expect(Date.now() - asked, `${stars} stars`).toBeLessThan(5_000);
        if (answer.status !== 200) expectRefusal(answer, "invalid_request", "id");
        else expect(answer.text.includes(id), `${stars} stars`).toBe(end === "");
        if (stars <= 10) expect(answer.status).toBe(200);
      }
    }
  });

  test("that is nothing but `*` finds all", async () => {
    expect(new Set(await ids("id=*&limit=1000"))).toEqual(new Set(born.keys()));
  });
});

describe("a state", () => {
  test.each([
    ["state=PENDING", "PENDING"],
    ["state=pending", "PENDING"],
    ["state=RESOLVED", "RESOLVED"],
    ["state=resolved", "RESOLVED"],
    ["state=REJECTED", "REJECTED"],
    ["state=REJECTED_CANCELED", "REJECTED_CANCELED"],
    ["state=REJECTED_TIMEDOUT", "REJECTED_TIMEDOUT"],
    ["state=rejected", "REJECTED REJECTED_CANCELED REJECTED_TIMEDOUT"],
    ["state=settled", "REJECTED REJECTED_CANCELED REJECTED_TIMEDOUT RESOLVED"],
    ["state=pending&state=RESOLVED", "PENDING RESOLVED"],
    ["state=pending,RESOLVED", "PENDING RESOLVED"],
    ["state=PENDING,PENDING&state=pending", "PENDING"],
    ["state=rejected,REJECTED_CANCELED", "REJECTED REJECTED_CANCELED REJECTED_TIMEDOUT"],
    [
      "state=settled,pending&state=REJECTED",
      "PENDING REJECTED REJECTED_CANCELED REJECTED_TIMEDOUT RESOLVED",
    ],
  ])("%s finds %s", async (parameters, states) => {
    expect(await ids(`id=states/*&sort=id&${parameters}`)).toEqual(
      states.split(" ").map((state) => `states/${state}`),
    );
  });
});

describe("a tag", () => {
  const corner: Parameters[number] = ["id", "tags/*"];

  test.each(TAGS)("with %s is found by its value", async (_, key, value) => {
    const expected = key === "region" ? ["tags/0", "tags/two"] : [`tags/${placeOf(key)}`];
    expect((await ids([corner, [`tags[${key}]`, value]])).toSorted()).toEqual(expected);
    expect(await ids([corner, [`tags[${key}]`, `${value} `]])).toEqual([]);
    expect(await ids([corner, [`tags[${key}]`, `${value}*`]])).toEqual([]);
  });

  test.each(TAGS)("with %s is found by its key", async (_, key) => {
    const expected = key === "region" ? ["tags/0", "tags/two"] : [`tags/${placeOf(key)}`];
    expect((await ids([corner, ["tag", key]])).toSorted()).toEqual(expected);
    expect(await ids([corner, ["tag", `${key} `]])).toEqual([]);
  });

  test.each(TAGS)("with %s is shown as it is", async (_, key, value) => {
    const id = `tags/${placeOf(key)}`;
    const page = await find(root, [["id", id], ...parametersOf("view=summary")]);
    expect(Object.entries(page.promises[0]?.tags ?? {})).toEqual([[key, value]]);
  });

  test.each([
    [{ one: "1", two: "2" }, ["tags/two"]],
    [{ one: "1", two: "1" }, []],
    [{ one: "1", region: "eu" }, ["tags/two"]],
    [{ one: "1", missing: "" }, []],
    [{ toString: "1" }, []],
  ])("and others must all be there: %j", async (tags, expected) => {
    const parameters = Object.entries(tags).map(([key, value]): Parameters[number] => [
      `tags[${key}]`,
      value,
    ]);
    expect(await ids([corner, ...parameters])).toEqual(expected);
  });

  test("and keys must all be there", async () => {
    expect(await ids("id=tags/*&tag=one&tag=two&tag=region")).toEqual(["tags/two"]);
    expect(await ids("id=tags/*&tag=one&tag=nowhere")).toEqual([]);
    expect(await ids("id=tags/*&tag=one&tags[region]=eu")).toEqual(["tags/two"]);
    expect(await ids("id=tags/*&tag=hasOwnProperty")).toEqual([]);
  });

  function placeOf(key: string): number {
    return TAGS.findIndex(([, other]) => other === key);
  }
});

describe("a range", () => {
  test.each([
    [`createdAfter=${FIRST}&createdBefore=${SECOND}`, "first"],
    [`createdAfter=${FIRST + 1}&createdBefore=${SECOND + 1}`, "second"],
    [`createdAfter=${FIRST}&createdBefore=${FIRST}`, ""],
    [`createdAfter=${SECOND}&createdBefore=${FIRST}`, ""],
    [`createdBefore=${FIRST}`, ""],
    [`createdBefore=${SECOND}`, "first"],
    [`createdBefore=${THIRD + 1}`, "first second third"],
    [`settledAfter=${SECOND}`, "second third"],
    [`settledBefore=${SECOND}`, "first"],
    [`settledAfter=${FIRST}&settledBefore=${THIRD}`, "first second"],
    ["settledAfter=0", "first second third"],
    [`deadlineAfter=${soon}`, "soon"],
    [`deadlineAfter=${soon + 1}`, ""],
    [`deadlineBefore=${soon}`, "first second third"],
    [`deadlineBefore=${soon + 1}`, "first second soon third"],
    [`deadlineBefore=${NEVER}`, "first second soon third"],
    [`deadlineAfter=${THIRD}&deadlineBefore=${soon + 1}&createdAfter=${THIRD + 1}`, "soon"],
    [`settledAfter=${FIRST}&deadlineBefore=${SECOND}`, "first"],
  ])("%s includes its beginning and not its end", async (parameters, names) => {
    const expected = names.split(" ").filter((name) => name !== "");
    expect(await ids(`id=times/*&sort=id&${parameters}`)).toEqual(
      expected.map((name) => `times/${name}`),
    );
  });

  test.each([
    ["a date in UTC", "createdBefore=2020-09-13T12:26:40.001Z", "first"],
    ["one to the second", "createdBefore=2020-09-13T12:26:40Z", ""],
    ["an offset", "createdBefore=2020-09-13T14:26:40.001+02:00", "first"],
    ["an offset to the west", "createdBefore=2020-09-13T07:26:40.001-05:00", "first"],
    ["small letters", "createdBefore=2020-09-13t12:26:40.001z", "first"],
    ["a date alone", "createdBefore=2020-09-14", "first second"],
    ["its day", "createdBefore=2020-09-13", ""],
    ["from now, back", "createdAfter=-1h", "never soon"],
    ["from now, far back", "createdAfter=-36500d", "first never second soon third"],
    ["an end that is back", "createdBefore=-1h", "first second third"],
    ["from now, ahead", "deadlineBefore=+2h&deadlineAfter=-0s", "soon"],
    ["not so far ahead", "deadlineBefore=+30m&deadlineAfter=-0s", ""],
    ["by the day", "settledAfter=-7d", ""],
    ["a negative instant", "createdAfter=-1", "first never second soon third"],
  ])("takes %s: %s", async (_, parameters, names) => {
    const expected = names.split(" ").filter((name) => name !== "");
    expect(await ids(`id=times/*&sort=id&${parameters}`)).toEqual(
      expected.map((name) => `times/${name}`),
    );
  });

  test("takes a plus as a shell would send it, where it means a blank", async () => {
    const answer = await service.send(
      "GET",
      "/promises?view=summary&id=times/*&deadlineAfter=-0s&deadlineBefore=+2h",
      { headers: ROOT },
    );
    expect(answer.status, answer.text).toBe(200);
    expect(answer.text).toContain('"times/soon"');
  });
});

describe("words", () => {
  test.each([
    ["order-42", "Order-42"],
    ["ORDER", "Order-42"],
    ["rder-4", "Order-42"],
    ["kunde", "Order-42"],
    ["MÜLLER", "Order-42"],
    ["müller", "Order-42"],
    ["gmbh order", "Order-42"],
    ["order refund", ""],
    ["50%", "Order-42"],
    ["off_now", "Order-42"],
    ["offxnow", ""],
    ["5*f", ""],
    ["%", "Order-42"],
    ["_", "Order-42"],
    ["ärger", "refund"],
    ["ada@example.COM", "refund"],
    ["the refund  ADA@", "refund"],
    ["hidden", ""],
    ["日本", "日本語/заказ"],
    ["ЗАКАЗ", "日本語/заказ"],
    ["москва ГОРОД", "日本語/заказ"],
    ["\torder-42\n", "Order-42"],
    ["words/", "Order-42 refund 日本語/заказ"],
    ["RESOLVED", ""],
    ["' OR 1=1 --", ""],
    ['"', ""],
    ["\\", ""],
  ])("%j find %j", async (q, names) => {
    const expected = names.split(" ").filter((name) => name !== "");
    const found = await ids([
      ["id", "words/*"],
      ["q", q],
      ["sort", "id"],
    ]);
    expect(found).toEqual(expected.map((name) => `words/${name}`));
  });
});

describe("a task", () => {
  const target = { "resonate:target": "poll://any@finders" };
  const work = freshId("work");
  const at = (state: string): string => `${work}/${state}`;

  beforeAll(async () => {
    const names = ["pending", "acquired", "suspended", "halted", "fulfilled", "over"];
    await Promise.all([
      ...names.map((state) => bear(at(state), { tags: target })),
      bear(at("plain")),
    ]);
    for (const state of ["acquired", "suspended", "halted", "fulfilled"]) {
      await rpc("task.acquire", { id: at(state), version: 0, pid: "worker-1", ttl: 600_000 });
    }
    const callback = { awaited: at("plain"), awaiter: at("suspended") };
    const actions = [{ kind: "promise.register_callback", head: {}, data: callback }];
    await rpc("task.suspend", { id: at("suspended"), version: 1, actions });
    await rpc("task.halt", { id: at("halted") });
    const data = { id: at("fulfilled"), state: "resolved", value: {} };
    const action = { kind: "promise.settle", head: {}, data };
    await rpc("task.fulfill", { id: at("fulfilled"), version: 1, action });
    await settle(at("over"));
  });

  test.each([
    ["pending", ["pending"]],
    ["acquired", ["acquired"]],
    ["suspended", ["suspended"]],
    ["halted", ["halted"]],
    ["fulfilled", ["fulfilled", "over"]],
    ["any", ["acquired", "fulfilled", "halted", "over", "pending", "suspended"]],
  ])("that is %s is found", async (state, expected) => {
    await expectFound(root, parametersOf(`id=${work}/*&sort=id&task=${state}`), expected.map(at));
  });

  test("is shown with who holds it and how often it was taken", async () => {
    await eventually(async () => {
      const page = await find(root, parametersOf(`id=${work}/*&view=summary`));
      const shown = new Map(page.promises.map(({ id, task }) => [id, task]));
      expect(shown.get(at("pending"))).toEqual({ state: "pending", version: 0 });
      expect(shown.get(at("acquired"))).toEqual({ state: "acquired", version: 1, pid: "worker-1" });
      expect(shown.get(at("suspended"))).toMatchObject({ state: "suspended", version: 1 });
      expect(shown.get(at("halted"))).toMatchObject({ state: "halted", version: 1 });
      expect(shown.get(at("fulfilled"))).toMatchObject({ state: "fulfilled", version: 1 });
      expect(shown.get(at("over"))).toMatchObject({ state: "fulfilled" });
      expect(shown.get(at("plain"))).toBeUndefined();
    });
  });
});

describe("an order", () => {
  test.each(SORTS)("%s is kept, and ties are in the order of ids", async (sort) => {
    for (const corner of ["ties/*", "ids/*", "times/*", "states/*"]) {
      const known = await Promise.all(
        [...born.keys()].filter((id) => id.startsWith(corner.slice(0, -1))).map(truthOf),
      );
      const expected = search(known.map(summaryOf), { sort }).map(({ id }) => id);
      const found = await ids([
        ["id", corner],
        ["sort", sort],
      ]);
      expect(found, corner).toEqual(expected);
    }
  });

  test("of ties is the same in pages of one", async () => {
    for (const sort of SORTS) {
      const whole = await ids(`id=ties/*&sort=${sort}`);
      expect(whole.length).toBeGreaterThan(5);
      expect(await ids(`id=ties/*&sort=${sort}&limit=1`), sort).toEqual(whole);
    }
  });

  test("is the newest first where none is given", async () => {
    expect(await ids("id=ties/*")).toEqual(await ids("id=ties/*&sort=-created"));
    expect((await ids("id=times/*")).slice(-3)).toEqual(under("times", "third", "second", "first"));
    expect((await ids("id=times/*&sort=created")).slice(0, 3)).toEqual(
      under("times", "first", "second", "third"),
    );
  });

  test("by instants that a promise does not have leaves it out", async () => {
    expect(await ids("id=times/*&sort=settled")).toEqual(
      ["first", "second", "third"].map((name) => `times/${name}`),
    );
    expect(await ids("id=times/*&sort=-deadline")).toEqual(
      ["soon", "third", "second", "first"].map((name) => `times/${name}`),
    );
    const page = await find(root, parametersOf("id=times/*&sort=settled&count=true&limit=1"));
    expect(page.count).toBe(3);
  });
});

describe("pages", () => {
  const all = Array.from({ length: 12 }, (_, place) => `limits/${String(place).padStart(2, "0")}`);

  test.each([1, 2, 5, 11, 12, 13, LIMITS.searchLimitMax])(
    "of %i have each promise once",
    async (limit) => {
      const sizes: number[] = [];
      const found = await findAll(
        root,
        parametersOf(`id=limits/*&sort=id&limit=${limit}`),
        async (page) => {
          sizes.push(page.promises.length);
        },
      );
      expect(found.map(({ id }) => id)).toEqual(all);
      for (const size of sizes) expect(size).toBeLessThanOrEqual(limit);
    },
  );

  test("end with a cursor that goes into an address as it is, or with null", async () => {
    const page = await find(root, parametersOf("id=limits/*&limit=5"));
    expect(page.cursor).toMatch(/^[\w-]+$/);
    expect((await find(root, parametersOf("id=limits/*&limit=13"))).cursor).toBeNull();
    expect((await find(root, parametersOf("id=nothing/*"))).promises).toEqual([]);
  });

  test("are of a hundred where nothing is said", async () => {
    const page = await find(root, parametersOf("view=summary"));
    expect(page.promises.length).toBe(LIMITS.searchLimitDefault);
    expect(born.size).toBeGreaterThan(LIMITS.searchLimitDefault);
    expect(page.cursor).not.toBeNull();
  });

  test("know how many there are in all, when asked", async () => {
    const counted = parametersOf("id=limits/*&limit=5&count=true");
    const first = await find(root, counted);
    expect(first.count).toBe(12);
    expect((await find(root, [...counted, ["cursor", first.cursor ?? ""]])).count).toBe(12);
    expect(await find(root, parametersOf("id=limits/*"))).not.toHaveProperty("count");
    expect(await find(root, parametersOf("id=limits/*&count=false"))).not.toHaveProperty("count");
    expect((await find(root, parametersOf("id=none&count=true"))).count).toBe(0);
  });

  test("go on where they ended after the promise that they ended with is gone", async () => {
    const corner = freshId("gone");
    const made = [0, 1, 2, 3].map((place) => `${corner}/${place}`);
    await Promise.all(made.map((id) => bear(id, { timeout: FIRST })));
    const parameters = parametersOf(`id=${corner}/*&sort=id&limit=2`);
    await expectFound(root, parameters, made);
    const page = await find(root, parameters);
    const gone = page.promises.at(-1)?.id ?? "";
    expect((await service.send("DELETE", service.address(gone), { headers: ROOT })).status).toBe(
      204,
    );
    await expectFound(
      root,
      parameters,
      made.filter((id) => id !== gone),
    );
    const rest = await find(root, [...parameters, ["cursor", page.cursor ?? ""]]);
    expect(rest.promises.map(({ id }) => id)).toEqual(made.slice(2));
  });
});

describe("a view", () => {
  test("that is full has each record as its own address shows it", async () => {
    const names = ["views/pending", "views/settled", "views/timedout"];
    const records = await Promise.all(names.map(truthOf));
    for (const view of ["", "&view=full"]) {
      const page = await find<PromiseRecord>(root, parametersOf(`id=views/*&sort=id${view}`));
      expect(page.promises).toEqual(records);
    }
  });

  test("that is a summary has all but what was asked and answered", async () => {
    const names = ["views/pending", "views/settled", "views/timedout"];
    const records = await Promise.all(names.map(truthOf));
    await eventually(async () => {
      const page = await find(root, parametersOf("id=views/*&sort=id&view=summary"));
      expect(page.promises).toEqual(records.map(summaryOf));
    });
  });

  test("that is full never shows what the search did not ask for", async () => {
    const corner = freshId("racing");
    const made = Array.from({ length: 20 }, (_, place) => `${corner}/${place}`);
    await Promise.all(made.map((id) => bear(id)));
    const parameters = parametersOf(`id=${corner}/*&state=pending`);
    await eventually(async () => {
      const page = await find(root, [...parameters, ["count", "true"]]);
      expect(page.count).toBe(made.length);
    });
    for (const id of made) {
      await settle(id);
      const page = await find<PromiseRecord>(root, parameters);
      expect(page.promises.filter(({ state }) => state !== "PENDING")).toEqual([]);
      if (!id.endsWith("5")) continue;
      await service.send("DELETE", service.address(id), { headers: ROOT });
      const settled = await find<PromiseRecord>(
        root,
        parametersOf(`id=${corner}/*&state=RESOLVED`),
      );
      expect(settled.promises.map((record) => record.id)).not.toContain(id);
    }
  });
});

/** One more than may be. */
function tooMany(name: "tag" | "tags"): string {
  const terms = Array.from({ length: LIMITS.searchTermsMax + 1 }, (_, place) =>
    name === "tag" ? `tag=k${place}` : `tags[k${place}]=v`,
  );
  return terms.join("&");
}

describe("what cannot be asked", () => {
  test.each([
    ["an unknown parameter", "colour", "colour=red"],
    ["one in another case", "State", "State=pending"],
    ["one of another API", "tags.k", "tags.k=v"],
    ["a tag without a key", "tags", "tags=v"],
    ["a tag with half a bracket", "tags[k", "tags[k=v"],
    ["an empty name", "", "=v"],
    ["the key of a prototype", "__proto__", "__proto__=x"],
    ["two ids", "id", "id=a&id=b"],
    ["two limits", "limit", "limit=1&limit=1"],
    ["two orders", "sort", "sort=id&sort=-id"],
    ["two views", "view", "view=full&view=summary"],
    ["two texts", "q", "q=a&q=b"],
    ["two tasks", "task", "task=any&task=any"],
    ["two counts", "count", "count=true&count=true"],
    ["two cursors", "cursor", "cursor=a&cursor=a"],
    ["two values of one tag", "tags[a]", "tags[a]=1&tags[a]=2"],
    ["two beginnings", "createdAfter", "createdAfter=1&createdAfter=2"],
    ["an empty id", "id", "id="],
    ["an empty state", "state", "state="],
    ["half a list of states", "state", "state=pending,"],
    ["a state in another case", "state", "state=Pending"],
    ["a state that is none", "state", "state=rejected_timedout"],
    ["a state with a blank", "state", "state=pending, resolved"],
    ["a limit of 0", "limit", "limit=0"],
    ["a limit below", "limit", "limit=-1"],
    ["a limit above", "limit", `limit=${LIMITS.searchLimitMax + 1}`],
    ["half a limit", "limit", "limit=1.5"],
    ["a limit as JavaScript reads it", "limit", "limit=1e2"],
    ["a limit in hexadecimal", "limit", "limit=0x10"],
    ["an empty limit", "limit", "limit="],
    ["a limit beyond numbers", "limit", `limit=${"9".repeat(400)}`],
    ["a count that is no boolean", "count", "count=1"],
    ["an empty count", "count", "count="],
    ["a view that is none", "view", "view=Full"],
    ["an order that is none", "sort", "sort=id,created"],
    ["an empty order", "sort", "sort="],
    ["an order twice reversed", "sort", "sort=--id"],
    ["an order of what is never found", "sort", "sort=settled&state=pending,PENDING"],
    ["a task that is none", "task", "task=Any"],
    ["an empty task", "task", "task="],
    ["a date that is none", "createdBefore", "createdBefore=2026-02-30T00:00:00Z"],
    ["a date without its zone", "settledAfter", "settledAfter=2026-01-01T00:00:00"],
    ["a month", "settledBefore", "settledBefore=2026-01"],
    ["a word for a date", "deadlineAfter", "deadlineAfter=tomorrow"],
    ["an empty instant", "deadlineBefore", "deadlineBefore="],
    ["half a millisecond", "createdAfter", "createdAfter=1.5"],
    ["an instant beyond numbers", "createdAfter", "createdAfter=99999999999999999999"],
    ["a time from now without its sign", "createdAfter", "createdAfter=7d"],
    ["a time from now with two", "createdAfter", "createdAfter=--7d"],
    ["a time from now in no unit", "createdAfter", "createdAfter=-7y"],
    ["a time from now that no number holds", "createdAfter", "createdAfter=-999999999999999999d"],
    ["a cursor that is none", "cursor", "cursor=abc"],
    ["an empty cursor", "cursor", "cursor="],
    ["a text that is too long", "q", `q=${"x".repeat(LIMITS.searchTextCharactersMax + 1)}`],
    ["too many tags", /^tag/, tooMany("tags")],
    ["too many keys", /^tag/, tooMany("tag")],
  ])("%s is a 400 that names %s", async (_, field, parameters) => {
    const refused = await ask(root, parametersOf(parameters));
    const problem = expectRefusal(refused, "invalid_request", field);
    expect(refused.headers.get("cache-control")).toBe("no-store");
    if (typeof field === "string" && field !== "") expect(problem.detail).toContain(field);
  });

  test("as much as may be can be asked", async () => {
    const text = "x".repeat(LIMITS.searchTextCharactersMax);
    expect(await ids([["q", text]])).toEqual([]);
    const most = Array.from({ length: LIMITS.searchTermsMax }, (_, place) => `tag=k${place}`);
    expect(await ids(most.join("&"))).toEqual([]);
  });

  test.each(["%E0%A4%A", "%ff", "%"])("a name or value of %s is no 500", async (text) => {
    for (const query of [`id=${text}`, `q=${text}`, `tags[${text}]=x`, `tags[k]=${text}`]) {
      const answer = await service.send("GET", `/promises?${query}`, { headers: ROOT });
      expect([200, 400], query).toContain(answer.status);
    }
  });
});

describe("a cursor", () => {
  const search = "id=limits/*&sort=id&limit=2";
  let cursor: string;
  beforeAll(async () => {
    cursor = (await find(root, parametersOf(search))).cursor ?? "";
  });

  test.each([
    "id=limits/*&sort=-id&limit=2",
    "id=limits/*&sort=created&limit=2",
    "id=limits/0*&sort=id&limit=2",
    "sort=id&limit=2",
    "id=limits/*&sort=id&limit=2&state=pending",
    "id=limits/*&sort=id&limit=2&tag=a",
    "id=limits/*&sort=id&limit=2&tags[a]=b",
    "id=limits/*&sort=id&limit=2&q=limits",
    "id=limits/*&sort=id&limit=2&task=any",
    "id=limits/*&sort=id&limit=2&createdAfter=0",
  ])("of another search is a 400 for %s", async (other) => {
    const refused = await ask(root, [...parametersOf(other), ["cursor", cursor]]);
    expectRefusal(refused, "invalid_request", "cursor");
  });

  test("that somebody has changed finds a page or is a 400, and never more", async () => {
    const known = new Set(await ids("id=limits/*"));
    for (let place = 0; place < cursor.length; place += 1) {
      for (const letter of ["A", "z", "-", "", "="]) {
        const changed = cursor.slice(0, place) + letter + cursor.slice(place + 1);
        const answer = await ask(root, [...parametersOf(search), ["cursor", changed]]);
        if (answer.status !== 200) expectRefusal(answer, "invalid_request", "cursor");
        else {
          // SAFETY: a page, as the contract has it.
          const { promises } = JSON.parse(answer.text) as { promises: PromiseSummary[] };
          for (const { id } of promises) expect(known).toContain(id);
        }
      }
    }
  });

  test("keeps the instants that were counted from now", async () => {
    // With `-0s` a page a moment later would find less; the search is still the same one.
    const corner = freshId("frozen");
    const made = [0, 1, 2].map((place) => `${corner}/${place}`);
    await Promise.all(made.map((id) => bear(id, { timeout: "1h" })));
    await expectFound(root, parametersOf(`id=${corner}/*&sort=id`), made);
    expect(await ids(`id=${corner}/*&sort=id&limit=1&createdBefore=-0s`)).toEqual(made);
    expect(await ids(`id=${corner}/*&sort=id&limit=1&createdAfter=-1h`)).toEqual(made);
  });
});

describe("time", () => {
  test("goes on after a step in the same instant as any other wake-up, with nobody looking", async () => {
    // An index hears of a birth a second after it: that is when the first step is due.
    const corner = freshId("steps");
    const extend = { after: "1s", extend: "1m" };
    const last = { after: "1500ms", settle: { state: "RESOLVED" } };
    const ids = under(corner, ...Array.from({ length: 24 }, (_, place) => String(place)));
    await Promise.all(
      ids.map((id, place) =>
        bear(id, { timeout: "1h", escalation: [extend, ...(place % 2 ? [extend] : []), last] }),
      ),
    );
    await eventually(() => expectCount(`id=${corner}/*&state=RESOLVED`, ids.length));
  });

  test("is what makes a promise time out, in every filter, without anybody writing it", async () => {
    const { corner, timeout } = await withTime(3_000, async (ms) => {
      const corner = freshId("due");
      const timeout = Date.now() + ms;
      await bear(`${corner}/timedout`, { timeout });
      await bear(`${corner}/timer`, { timeout, tags: { "resonate:timer": "true" } });
      const onTimeout = { state: "REJECTED", value: { data: 1 } };
      await bear(`${corner}/told`, { timeout, onTimeout });
      const pending = parametersOf(`id=${corner}/*&sort=id&state=pending`);
      await expectFound(root, pending, under(corner, "timedout", "timer", "told"), { forMs: ms });
      return { corner, timeout };
    });
    const names = under(corner, "timedout", "timer", "told");
    const [timedout = "", timer = "", told = ""] = names;
    const at = parametersOf(`id=${corner}/*&sort=id`);
    // Every look is held against the clock before and after it, and one that is wrong is one too many.
    const wrong: object[] = [];
    await eventually(async () => {
      const before = Date.now();
      const { promises } = await find(root, [...at, ["view", "summary"]]);
      const after = Date.now();
      for (const { id, state, completedOn } of promises) {
        const isOpen = state === "PENDING" && completedOn === undefined;
        const isOver = state !== "PENDING" && completedOn === timeout;
        if ((after < timeout && !isOpen) || (before >= timeout && !isOver)) {
          wrong.push({ id, state, completedOn, before, after, timeout });
        }
      }
      expect(before).toBeGreaterThanOrEqual(timeout);
    });
    expect(wrong).toEqual([]);
    const filters: [string, string[]][] = [
      ["state=pending", []],
      ["state=PENDING", []],
      ["state=settled", names],
      ["state=REJECTED_TIMEDOUT", [timedout]],
      ["state=RESOLVED", [timer]],
      ["state=REJECTED", [told]],
      ["state=rejected", [timedout, told]],
      ["state=REJECTED_CANCELED", []],
      [`settledAfter=${timeout}`, names],
      [`settledBefore=${timeout}`, []],
      [`settledAfter=${timeout}&settledBefore=${timeout + 1}`, names],
      ["settledAfter=-1h", names],
      [`deadlineAfter=${timeout}&deadlineBefore=${timeout + 1}`, names],
    ];
    for (const [filter, expected] of filters) {
      const found = parametersOf(`id=${corner}/*&sort=id&${filter}`);
      expect(await ids(found), filter).toEqual(expected);
      const { count } = await find(root, [...found, ["count", "true"], ["limit", "1"]]);
      expect(count, filter).toBe(expected.length);
    }
    expect(await ids(`id=${corner}/*&sort=settled`)).toEqual(names);
    expect(await ids(`id=${corner}/*&sort=-settled&limit=1`)).toEqual(names);
    const records = await Promise.all(names.map(truthOf));
    expect((await find(root, [...at, ["view", "summary"]])).promises).toEqual(
      records.map(summaryOf),
    );
    expect((await find<PromiseRecord>(root, at)).promises).toEqual(records);
  });

  test("that an escalation gives moves the deadline, and settles", async () => {
    const corner = freshId("escalated");
    const names = ["extended", "settled"].map((name) => `${corner}/${name}`);
    const [extended = "", settled = ""] = names;
    await bear(extended, { timeout: "2s", escalation: [{ after: "500ms", extend: "1h" }] });
    await bear(settled, {
      timeout: "1h",
      escalation: [{ after: "1500ms", settle: { state: "RESOLVED" } }],
    });
    const { createdOn } = await truthOf(settled);
    await eventually(async () => {
      expect(Date.now()).toBeGreaterThan(createdOn + 2_500);
      const records = await Promise.all(names.map(truthOf));
      expect(records.map(({ state }) => state)).toEqual(["PENDING", "RESOLVED"]);
      const page = await find(root, parametersOf(`id=${corner}/*&sort=id&view=summary`));
      expect(page.promises).toEqual(records.map(summaryOf));
    });
    expect(await ids(`id=${corner}/*&state=pending`)).toEqual([extended]);
    expect(await ids(`id=${corner}/*&deadlineAfter=+30m&state=pending`)).toEqual([extended]);
    expect(await ids(`id=${corner}/*&state=RESOLVED&sort=settled`)).toEqual([settled]);
  });
});

/**
 * Whether the first answer that claims to know what happened at this instant does. Telling takes a
 * second, so one that claims it earlier and does not is a fault; later, the telling was held up.
 */
async function knows(instant: number, id: string, state: PromiseRecord["state"]): Promise<boolean> {
  let ahead = 0;
  const { page, at } = await eventually(async () => {
    const page = await find(root, [["id", id], ...parametersOf("view=summary")]);
    const at = Date.now();
    ahead = Math.max(ahead, page.indexedAt - at);
    if (page.indexedAt < instant) throw new Error("not yet");
    return { page, at };
  });
  expect(ahead, "indexedAt lies in the future").toBe(0);
  const isKnown = page.promises.some((one) => one.id === id && one.state === state);
  if (!isKnown) expect(at - instant, `${id}, as of ${page.indexedAt}`).toBeGreaterThan(1_000);
  return isKnown;
}

describe("an index", () => {
  test("hears of a birth within about a second, and of a settlement at once", async () => {
    const id = freshId("heard");
    const at = Date.now();
    await bear(id);
    await expectFound(root, [["id", id]], [id]);
    expect(Date.now() - at).toBeLessThan(10_000);
    const settledAt = Date.now();
    await settle(id);
    await expectFound(root, [["id", id], ...parametersOf("state=RESOLVED")], [id]);
    expect(Date.now() - settledAt).toBeLessThan(5_000);
  });

  test("has every change up to the instant that it names", async () => {
    await Promise.all(
      Array.from({ length: 16 }, async (_, place) => {
        for (let attempt = 1; ; attempt += 1) {
          const id = freshId(`fresh-${place}`);
          const { createdOn } = await bear(id);
          const isBorn = await knows(createdOn, id, "PENDING");
          const { completedOn = 0 } = await settle(id);
          const isSettled = await knows(completedOn, id, "RESOLVED");
          if (isBorn && isSettled) return;
          // Once told late, it goes by that for a while, and claims less.
          expect(attempt, "told late again, and claimed again").toBeLessThan(4);
        }
      }),
    );
  });

  test("forgets what is deleted, what is disposed and what is kept no longer", async () => {
    const corner = freshId("forgotten");
    const names = ["deleted", "disposed", "kept", "short"].map((name) => `${corner}/${name}`);
    const [deleted = "", disposed = "", kept = "", short = ""] = names;
    const at = parametersOf(`id=${corner}/*&sort=id`);
    await Promise.all(names.map((id) => bear(id, id === short ? { retention: "1s" } : {})));
    await expectFound(root, at, names);
    await settle(deleted);
    await settle(short);
    await service.send("DELETE", service.address(deleted), { headers: ROOT });
    const body = { promiseId: disposed };
    await service.send("POST", "/promise/dispose", { body, headers: ROOT });
    await expectFound(root, at, [kept]);
    await expectFound(root, [...at, ["state", "settled"]], []);
    expect((await find(root, [...at, ["count", "true"]])).count).toBe(1);
    // Their ids are free, and found again when they are used again.
    await bear(deleted, { tags: { life: "second" } });
    await expectFound(root, [...at, ["tags[life]", "second"]], [deleted]);
  });

  test("knows what other surfaces make and settle", async () => {
    const corner = freshId("surfaces");
    const example = `${corner}/example`;
    const drawn = recordOf(
      await service.send("POST", "/promises", { body: { tags: { corner } }, headers: ROOT }),
    ).id;
    const body = { promiseId: example, promiseName: example, value: { a: 1 } };
    const { status } = await service.send("POST", "/promise/resolve", { body, headers: ROOT });
    expect(status).toBe(200);
    await expectFound(root, parametersOf(`id=${corner}/*&state=RESOLVED`), [example]);
    await expectFound(root, [["tags[corner]", corner]], [drawn]);
    await bear(`${corner}/scheduled`);
  });
});

describe("a key", () => {
  const PREFIXES = ["scope/a_*", "scope/%*", "scope/😀*", "scope/A*", "scope/one", "scope/[ab]*"];
  const within = ["a_", "a_b", "%", "%c", "😀", "😀/x", "A", "Ab", "one", "[ab]c"];
  const beyond = ["ab", "axb", "a", "c", "\uFFFD", "ab/x", "one/x", "One", "bc", "\uD83D\uDE01"];
  let scoped: Finder;
  let empty: Finder;

  beforeAll(async () => {
    scoped = await keyFor(PREFIXES);
    empty = await keyFor(["nothing/*"]);
    await Promise.all(
      [...within, ...beyond].map((name) => bear(`scope/${name}`, { tags: { scope: "x" } })),
    );
    await settle("scope/a_b");
    await settle("scope/axb");
    await expectFound(
      root,
      parametersOf("id=scope/*&sort=id"),
      under("scope", ...within, ...beyond).toSorted(compareIds),
    );
  });

  test.each([
    ["", within],
    ["id=*", within],
    ["id=scope/*", within],
    ["id=scope/a*", ["a_", "a_b"]],
    ["id=scope/one*", ["one"]],
    ["id=scope/axb", []],
    ["id=scope/ab", []],
    ["id=limits/*", []],
    ["tags[scope]=x", within],
    ["state=RESOLVED", ["a_b"]],
    ["q=scope", within],
    ["q=axb", []],
    ["tag=region", []],
  ])("of some prefixes sees nothing else with %j", async (parameters, names) => {
    const at = parametersOf(parameters);
    await expectFound(
      scoped,
      [["sort", "id"], ...at],
      under("scope", ...names).toSorted(compareIds),
    );
    await expectFound(
      scoped,
      [["sort", "id"], ["limit", "1"], ...at],
      under("scope", ...names).toSorted(compareIds),
    );
    const page = await find(scoped, [["count", "true"], ["limit", "1"], ...at]);
    expect(page.count).toBe(names.length);
    const full = await findAll<PromiseRecord>(scoped, [["sort", "id"], ...at]);
    expect(full.map(({ id }) => id)).toEqual(under("scope", ...names).toSorted(compareIds));
    expect((await find(empty, [["count", "true"], ...at])).count).toBe(0);
    expect(await findAll(empty, at)).toEqual([]);
  });

  test("sees nothing else by somebody else's cursor", async () => {
    const at = parametersOf("id=scope/*&sort=id&limit=1&view=summary");
    const { cursor } = await find(root, at);
    const answer = await ask(scoped, [...at, ["cursor", cursor ?? ""]]);
    if (answer.status !== 200) expectRefusal(answer, "invalid_request", "cursor");
    else for (const name of beyond) expect(answer.text).not.toContain(`"scope/${name}"`);
  });

  test("counts nothing else", async () => {
    const answer = await service.send("GET", "/stats", { headers: scoped.headers });
    expect(answer.status).toBe(200);
    // SAFETY: as the contract has it; compared in the next lines.
    const { promises, oldestPendingOn } = JSON.parse(answer.text) as Stats;
    expect(promises).toEqual({
      PENDING: within.length - 1,
      RESOLVED: 1,
      REJECTED: 0,
      REJECTED_CANCELED: 0,
      REJECTED_TIMEDOUT: 0,
    });
    const oldest = within
      .filter((name) => name !== "a_b")
      .map((name) => born.get(`scope/${name}`)?.createdOn ?? 0);
    expect(oldestPendingOn).toBe(Math.min(...oldest));
    const nothing = await service.send("GET", "/stats", { headers: empty.headers });
    const none: Stats = JSON.parse(nothing.text);
    expect(Object.values(none.promises)).toEqual([0, 0, 0, 0, 0]);
    expect(none).not.toHaveProperty("oldestPendingOn");
  });

  test("that may not read finds nothing, and whoever has none is asked for one", async () => {
    const creator = await keyFor(["scope/*"], ["create"]);
    expectRefusal(await ask(creator, []), "forbidden");
    expectRefusal(await ask({ service, headers: {} }, []), "unauthorized");
    for (const path of ["/stats", "/activity", "/index", "/groups"]) {
      expectRefusal(await service.send("GET", path), "unauthorized");
    }
  });

  test("of some prefixes is not told of the whole deployment", async () => {
    for (const path of ["/activity", "/index"]) {
      expectRefusal(await service.send("GET", path, { headers: scoped.headers }), "forbidden");
    }
    const admin = await keyFor(["scope/*"], ["admin"]);
    const rebuild = await service.send("POST", "/index/rebuild", { headers: admin.headers });
    expectRefusal(rebuild, "forbidden");
  });
});

describe("an answer", () => {
  test("to HEAD is that to GET without its body", async () => {
    const get = await ask(root, parametersOf("id=limits/*"));
    const head = await service.send("HEAD", "/promises?id=limits/*", { headers: ROOT });
    expect([head.status, head.text]).toEqual([200, ""]);
    for (const name of ["content-type", "cache-control", "vary"]) {
      expect(head.headers.get(name), name).toBe(get.headers.get(name));
    }
    const refused = await service.send("HEAD", "/promises?limit=0", { headers: ROOT });
    expect([refused.status, refused.text]).toEqual([400, ""]);
  });

  test.each([
    undefined,
    "*/*",
    "application/json",
    "application/json;q=0.5, text/event-stream;q=0.1",
    "application/*",
  ])("is JSON for %j", async (accept) => {
    const headers: Record<string, string> = accept === undefined ? ROOT : { ...ROOT, accept };
    const answer = await service.send("GET", "/promises?limit=1", { headers });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toMatch(/^application\/json\b/);
    expect(answer.headers.get("vary")?.toLowerCase()).toContain("accept");
  });

  test("without any parameter is the newest hundred", async () => {
    const answer = await service.send("GET", "/promises", { headers: ROOT });
    expect(answer.status).toBe(200);
    // SAFETY: a page, as the contract has it.
    const { promises } = JSON.parse(answer.text) as { promises: PromiseRecord[] };
    expect(promises.length).toBe(LIMITS.searchLimitDefault);
  });

  test.each(["PUT", "PATCH", "DELETE"])("to %s is which methods there are", async (method) => {
    const refused = await service.send(method, "/promises?id=*", { headers: ROOT });
    expectRefusal(refused, "method_not_allowed");
    expect(refused.headers.get("allow")?.split(", ").toSorted()).toEqual(
      ["GET", "HEAD", "OPTIONS", "POST"].toSorted(),
    );
  });

  test("of large records ends early, and the next one goes on", async () => {
    const corner = freshId("large");
    const letters = Array.from({ length: 40 }, (_, place) => String(place).padStart(2, "0"));
    const made = under(corner, ...letters);
    const param = { data: "x".repeat(1_000_000) };
    for (const id of made) await bear(id, { param });
    await expectFound(root, parametersOf(`id=${corner}/*&sort=id`), made);
    let pages = 1;
    const all = parametersOf(`id=${corner}/*&sort=id&limit=1000`);
    const found = await findAll<PromiseRecord>(root, all, async () => {
      pages += 1;
    });
    expect(found.map(({ id }) => id)).toEqual(made);
    expect(pages).toBeGreaterThan(1);
  });
});
