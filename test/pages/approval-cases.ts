/** The approval page in each of its states, as models: drawn by the tests here and in a browser. */
import type { ApprovalModel } from "../../src/http/pages/approval.tsx";
import type { FormSchema } from "../../src/http/form-schema.ts";

const HOUR = 60 * 60 * 1000;
export const NOW = Date.UTC(2026, 7, 14, 9, 30);

export const PURCHASE: FormSchema = {
  type: "object",
  required: ["amount", "delivery", "costCenter", "address", "confirmed"],
  properties: {
    amount: { type: "integer", title: "How many laptops?", minimum: 1, maximum: 50, default: 12 },
    delivery: {
      title: "Delivery",
      description: "Express costs 4 % more.",
      oneOf: [
        { const: "standard", title: "Standard, within two weeks" },
        { const: "express", title: "Express, within three days" },
        { const: "pickup", title: "We pick them up" },
      ],
    },
    costCenter: {
      type: "string",
      title: "Cost center",
      enum: ["Design", "Engineering", "Finance", "Marketing", "Operations", "Sales"],
    },
    notBefore: { type: "string", format: "date", title: "Not before" },
    services: {
      type: "array",
      title: "Also order",
      items: { enum: ["Docking station", "Extended warranty", "Setup on site"] },
    },
    serials: {
      type: "array",
      title: "Devices to be replaced",
      description: "The numbers on their backs.",
      items: { type: "string" },
    },
    address: {
      type: "object",
      title: "Where shall they go?",
      required: ["name", "city"],
      properties: {
        name: { type: "string", title: "Name of the recipient" },
        city: { type: "string", title: "City", maxLength: 80 },
        email: { type: "string", format: "email", title: "Email for the carrier" },
      },
    },
    confirmed: {
      type: "boolean",
      const: true,
      title: "The budget is still available this quarter",
    },
  },
};

const DESCRIPTION = `The design team's machines are **five years old** and no longer receive updates.

- 12 × *Model 14*, 32 GB
- includes three years of on-site repair

The [offer](https://example.com/offers/8121) holds until Friday. Reference: \`PO-2026-8121\`.`;

export const OPEN: ApprovalModel = {
  language: "en",
  now: NOW,
  promise: {
    id: "purchases/2026/8121",
    state: "pending",
    title: "Buy 12 laptops for the design team",
    description: DESCRIPTION,
    requestedBy: "Ada Byron",
    details: [
      { label: "Supplier", value: "Nordlicht Systems GmbH" },
      { label: "Total", value: "€ 23,988.00" },
      { label: "Budget", value: "Hardware 2026, € 31,400 left" },
    ],
    deadlineAt: NOW + 26 * HOUR,
  },
  choice: { kind: "choose", schema: PURCHASE, approveLabel: "Approve purchase" },
  audience: "grace@example.com",
  note: "Grace, this is the one we spoke about on Tuesday.",
  csrf: "a-token",
  action: "/l/token",
};

const { deadlineAt: _, ...undated } = OPEN.promise;
const about = { ...undated, details: OPEN.promise.details! };

export const SIMPLE: ApprovalModel = {
  language: "en",
  now: NOW,
  promise: { id: "deploys/4711", state: "pending", title: "Deploy version 4.2 to production?" },
  choice: { kind: "choose" },
  csrf: "a-token",
  action: "/l/token",
};

export const FIXED: ApprovalModel = {
  ...SIMPLE,
  promise: { ...SIMPLE.promise, deadlineAt: NOW + 40 * 60 * 1000, requestedBy: "Release bot" },
  choice: { kind: "fixed", outcome: "resolved", label: "Yes, deploy it" },
};

export const WAITING: ApprovalModel = {
  ...OPEN,
  choice: { kind: "await" },
};

export const DECIDED_BY_YOU: ApprovalModel = {
  ...OPEN,
  promise: { ...about, state: "resolved", settledAt: NOW },
  decided: {
    at: NOW,
    outcome: "resolved",
    by: "grace@example.com",
    isYou: true,
    value: {
      amount: 12,
      delivery: "express",
      costCenter: "Design",
      notBefore: "2026-09-01",
      services: ["Docking station", "Setup on site"],
      address: { name: "Ada Byron", city: "Kiel" },
      confirmed: true,
    },
  },
};

export const REJECTED_BY_OTHER: ApprovalModel = {
  ...OPEN,
  promise: { ...about, state: "rejected", settledAt: NOW },
  decided: {
    at: NOW,
    outcome: "rejected",
    by: "Charles Babbage",
    value: "The offer is 9 % above last year's.\nPlease ask for a second one.",
  },
};

export const EXPIRED: ApprovalModel = {
  ...OPEN,
  promise: { ...OPEN.promise, state: "rejected_timedout", deadlineAt: NOW - HOUR },
};

export const VOTES = [
  { by: "grace@example.com", outcome: "resolved", at: NOW - 2 * HOUR },
  { by: "Charles Babbage", outcome: "rejected", at: NOW - HOUR },
] as const;

/** Who asked for it may not vote on it. */
export const EXCLUDED: ApprovalModel = {
  ...OPEN,
  votes: [...VOTES],
  needed: 3,
  audience: "Ada Byron",
  excluded: "requester",
};

export const STRANGER: ApprovalModel = { ...EXCLUDED, audience: "Eve <x>", excluded: "stranger" };

export const VOTED: ApprovalModel = {
  ...OPEN,
  votes: [...VOTES],
  needed: 3,
  decided: { at: NOW - 2 * HOUR, outcome: "resolved", isYou: true },
};

export const VOTED_BEFORE: ApprovalModel = { ...VOTED, votedBefore: true };
