/** The approval page as text: what each state shows, what it never shows, and its headers. */
import { describe, expect, it } from "vitest";
import type { FormSchema } from "../../src/http/form-schema.ts";
import { approvalHeaders } from "../../src/http/pages/approval-headers.ts";
import {
  approvalPage,
  linkGonePage,
  viewOf,
  type ApprovalModel,
} from "../../src/http/pages/approval.tsx";
import { readForm } from "../../src/http/pages/form-data.ts";
import { LANGUAGES, WORDS } from "../../src/http/pages/texts.ts";
import * as cases from "./approval-cases.ts";
import { submittedBody } from "./read-html.ts";

const { OPEN, NOW, PURCHASE } = cases;
const DECIDED = { promise: { ...OPEN.promise, state: "resolved" } } as const;

describe("a state", () => {
  it.each<[string, ApprovalModel, ReturnType<typeof viewOf>]>([
    ["pending", OPEN, "open"],
    ["pending, for a look only", cases.WAITING, "waiting"],
    ["pending, and voted", cases.VOTED, "voted"],
    ["pending, and voted otherwise", cases.VOTED_BEFORE, "voted"],
    ["pending, for others to vote on", cases.EXCLUDED, "excluded"],
    ["resolved, for others to vote on", { ...cases.EXCLUDED, ...DECIDED }, "decided"],
    ["pending beyond its deadline", { ...OPEN, now: NOW + 1e9 }, "expired"],
    ["timed out", cases.EXPIRED, "expired"],
    ["resolved", cases.DECIDED_BY_YOU, "decided"],
    ["rejected", cases.REJECTED_BY_OTHER, "decided"],
    ["canceled", { ...OPEN, promise: { id: "p", state: "rejected_canceled" } }, "decided"],
  ])("%s", async (_, model, view) => {
    expect(viewOf(model)).toBe(view);
    const page = await approvalPage(model);
    expect(page.match(/<form[ >]/g)?.length ?? 0).toBe(view === "open" ? 1 : 0);
    expect(page).toMatch(/^<!doctype html><html lang="en">/);
    expect(page.match(/<h1/g)).toHaveLength(1);
    // Followed while there is something to come.
    expect(page.includes("/assets/approval.js")).toBe(model.promise.state === "pending");
  });

  it("open has one form, which only a button sends", async () => {
    const page = await approvalPage(OPEN);
    expect(page).toContain('<form method="post" action="/l/token">');
    const buttons = Array.from(page.matchAll(/<button[^>]*>/g), String);
    expect(buttons).toHaveLength(3);
    expect(buttons[0]).toBe('<button type="submit" disabled="" hidden="">');
    expect(buttons[1]).toContain('name="outcome" value="resolved"');
    expect(buttons[2]).toContain('name="outcome" value="rejected"');
    expect(buttons[2]).toContain("formnovalidate");
    expect(page).toContain('<input type="hidden" name="csrf" value="a-token"');
  });

  it("decided says who, when and what", async () => {
    const page = await approvalPage(cases.REJECTED_BY_OTHER);
    expect(page).toContain('<b dir="auto">Charles Babbage</b>');
    expect(page).toContain('<time datetime="2026-08-14T09:30:00.000Z">');
    expect(page).toContain("Please ask for a second one.");
    expect(page).not.toContain("a-token");
    const own = await approvalPage(cases.DECIDED_BY_YOU);
    expect(own).toContain("You decided on");
    expect(own).toContain("Express, within three days");
    expect(own).toContain("1 September 2026");
  });

  it.each(LANGUAGES)("of who may not vote says why, and how it stands, in %s", async (language) => {
    const words = WORDS[language];
    const { excludedRequester, excludedStranger, excludedNobody } = words;
    const requester = await approvalPage({ ...cases.EXCLUDED, language });
    expect(requester).toContain(excludedRequester);
    const stranger = await approvalPage({ ...cases.STRANGER, language });
    const [before, after] = excludedStranger.split("{who}") as [string, string];
    expect(stranger).toContain(`${before}<b dir="auto">Eve &lt;x&gt;</b>${after}`);
    const nobody = await approvalPage({ ...cases.EXCLUDED, excluded: "nobody", language });
    expect(nobody).toContain(excludedNobody);
    const before1 = await approvalPage({ ...cases.VOTED_BEFORE, language });
    expect(before1).toContain(words.votedBeforeHeading);
    expect(before1).toContain(`<b>${words.resolved}</b>`);
    expect(before1).not.toContain(words.voteHeading);
    for (const page of [requester, stranger, nobody, before1]) {
      expect(page).toContain("Charles Babbage");
      expect(page).toContain('<progress max="3" value="1"');
    }
  });

  it("of a link that is no good says nothing of why", async () => {
    const page = await linkGonePage("en");
    expect(page).toContain("This link does not work");
    expect(page).not.toContain("<form");
    expect(page).not.toContain("<script");
  });

  it.each(LANGUAGES)("speaks %s", async (language) => {
    for (const model of Object.values(cases)) {
      if (typeof model !== "object" || !("promise" in model)) continue;
      const page = await approvalPage({ ...model, language });
      expect(page).toContain(`<html lang="${language}">`);
      expect(page).not.toMatch(/undefined|NaN|\[object/);
    }
    expect(await approvalPage({ ...cases.SIMPLE, language })).toContain(
      `>${WORDS[language].approve}</button>`,
    );
  });
});

describe("after a mistake", () => {
  it("everything typed is there, and every fault leads to its field", async () => {
    const body = submittedBody(await approvalPage(OPEN));
    body.set("value/amount", "a dozen");
    body.set("value/address/email", "nobody");
    const { faults, texts } = readForm(PURCHASE, body);
    const page = await approvalPage({ ...OPEN, values: texts, errors: faults });
    expect(page).toContain("<title>Error: Buy 12 laptops for the design team</title>");
    expect(page).toContain('value="a dozen"');
    const targets = Array.from(page.matchAll(/href="#([^"]+)"/g), ([, id]) => id);
    expect(targets).toHaveLength(faults.length);
    for (const id of targets) expect(page).toContain(` id="${id}"`);
    expect(page.match(/aria-invalid="true"/g)?.length).toBeGreaterThanOrEqual(4);
  });

  it("tells of a wrong line which one, and of what belongs to no field", async () => {
    const schema: FormSchema = {
      type: "object",
      properties: { l: { type: "array", title: "List", items: { type: "integer" } } },
    };
    const { faults, texts } = readForm(schema, new URLSearchParams("value/l=1%0Atwo"));
    const page = await approvalPage({
      ...OPEN,
      choice: { kind: "choose", schema },
      values: texts,
      errors: [...faults, { pointer: "", message: "", keyword: "shape" }],
    });
    expect(page).toContain("List: Line 2: Enter a whole number");
    expect(page).toContain("This cannot be checked.");
  });
});

describe("what strangers wrote", () => {
  const HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</template></noscript><script>alert(1)</script>",
    "javascript:alert(1)",
    "&lt;script&gt;",
    "{who} {when} {time}",
    "\u202Egnp.exe",
    "${alert(1)}",
    '" autofocus onfocus="alert(1)',
  ];

  it.each(HOSTILE)("%j is text, wherever it stands", async (bad) => {
    const schema: FormSchema = {
      type: "object",
      title: bad,
      description: bad,
      required: [bad],
      properties: {
        [bad]: { type: "string", title: bad, description: bad, default: bad },
        radio: { type: "string", title: bad, enum: [bad, "b"] },
        select: {
          oneOf: ["a", "b", "c", "d", "e", bad].map((each) => ({ const: each, title: bad })),
        },
        boxes: { type: "array", title: bad, items: { enum: [bad] }, default: [bad] },
        lines: { type: "array", title: bad, items: { type: "string" }, default: [bad] },
        long: { type: "string", maxLength: 999, default: bad },
        fixed: { type: "string", const: bad },
        box: { type: "boolean", title: bad },
        group: {
          type: "object",
          title: bad,
          description: bad,
          properties: { [bad]: { type: "number" } },
        },
      },
    };
    const model: ApprovalModel = {
      language: "en",
      now: NOW,
      promise: {
        id: bad,
        state: "pending",
        title: bad,
        description: bad,
        requestedBy: bad,
        details: [{ label: bad, value: bad }],
        deadlineAt: NOW + 1,
      },
      audience: bad,
      note: bad,
      reason: bad,
      csrf: bad,
      action: bad,
      live: bad,
      votes: [{ by: bad, outcome: "resolved", at: NOW }],
      needed: 2,
      choice: { kind: "choose", schema, approveLabel: bad, rejectLabel: bad },
    };
    const good = structure(
      await approvalPage(
        JSON.parse(
          JSON.stringify(model).replaceAll(JSON.stringify(bad).slice(1, -1), "harmless"),
        ) as ApprovalModel,
      ),
    );
    expect(structure(await approvalPage(model))).toEqual(good);

    const sent = readForm(
      schema,
      new URLSearchParams({ "value/radio": bad, "value/select": bad, "value/long": bad }),
    );
    const wrong = await approvalPage({ ...model, values: sent.texts, errors: sent.faults });
    const decided: ApprovalModel = {
      ...model,
      promise: { ...model.promise, state: "resolved" },
      decided: { at: NOW, by: bad, outcome: "resolved", value: { [bad]: bad } },
    };
    for (const page of [wrong, await approvalPage(decided)]) {
      expect(page).not.toMatch(
        /<(?:script(?! type="module" src="\/assets\/approval\.js")|img|iframe)/,
      );
      for (const element of structure(page))
        expect(element).not.toMatch(/ (?:on\w+|style|src\w+)\b/);
    }
  });
});

describe("the headers", () => {
  it("let nothing in and nothing out", () => {
    const headers = approvalHeaders();
    expect(headers["content-security-policy"]).toContain("default-src 'none'");
    expect(headers["content-security-policy"]).not.toMatch(/unsafe|https?:|\*/);
    expect(headers).toMatchObject({
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "cross-origin-opener-policy": "same-origin",
    });
    expect(headers["x-robots-tag"]).toContain("noindex");
  });

  it("suffice for the page: nothing inline, nothing from elsewhere", async () => {
    for (const model of Object.values(cases)) {
      if (typeof model !== "object" || !("promise" in model)) continue;
      const page = await approvalPage(model);
      expect(page).not.toMatch(/<style|\sstyle=|<script>|\ssrc="(?!\/assets\/)/);
      expect(page).not.toMatch(/<link[^>]*href="(?!\/assets\/|data:)/);
    }
  });
});

/** The elements and the names of their attributes, in order. */
function structure(page: string): string[] {
  return Array.from(
    page.matchAll(/<\/?([a-z0-9!]+)((?:\s+[\w-]+(?:="[^"]*")?)*)\s*\/?>/g),
    ([, tag, attributes]) =>
      [
        tag,
        ...Array.from((attributes ?? "").matchAll(/\s([\w-]+)(?:="[^"]*")?/g), ([, name]) => name),
      ].join(" "),
  );
}
