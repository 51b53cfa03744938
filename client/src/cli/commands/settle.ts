/** `resolve`, `reject`, `cancel`, `extend`, `delete`: what changes a promise that is there. */
import type { PromiseRecord, SettleOptions } from "../../index.ts";
import type { Command, Flags, Session } from "../command.ts";
import { printRecord } from "../show.ts";
import { harmless } from "../screen.ts";
import { VALUE_FLAGS, valueOf } from "../value.ts";

const SETTLE_FLAGS = {
  ...VALUE_FLAGS,
  header: { takes: "<key=value>", many: true, help: "a header of the value" },
  "idempotency-key": { takes: "<key>", help: "settling again with the same key succeeds" },
  strict: { help: "a repetition succeeds only if the promise has the state asked for" },
} as const satisfies Flags;

type Settle = "resolve" | "reject" | "cancel";

export const resolve: Command = {
  name: "resolve",
  takes: "<id> [value]",
  summary: "resolve a promise, with a value or without",
  flags: SETTLE_FLAGS,
  notes: [
    "The value is JSON; what is none and does not begin like it is taken as text.",
    "If somebody was first, the winner's outcome is told, and the exit code is 73.",
  ],
  examples: [
    "resolve orders/42/approval '{\"approved\": true}'",
    "resolve report --file report.json",
    "make-report | durable-promises resolve report --data -",
  ],
  run: (session) => settle(session, "resolve"),
};

export const reject: Command = {
  name: "reject",
  takes: "<id> [reason]",
  summary: "reject a promise, with a reason or without",
  flags: SETTLE_FLAGS,
  examples: ['reject orders/42/approval "out of stock"'],
  run: (session) => settle(session, "reject"),
};

export const cancel: Command = {
  name: "cancel",
  takes: "<id> [reason]",
  summary: "cancel a promise: nobody needs its outcome any more",
  flags: SETTLE_FLAGS,
  examples: ["cancel orders/42/approval"],
  run: (session) => settle(session, "cancel"),
};

export const extend: Command = {
  name: "extend",
  takes: "<id> <deadline>",
  summary: "move the deadline of a pending promise later",
  notes: ["A duration counts from now: 2d. An instant is taken as it is: 2026-12-24T18:00:00Z."],
  examples: ["extend orders/42/approval 2d"],
  run: async (session) => {
    const { args, promises, calls } = session;
    printRecord(session, await promises.extend(args.word(0), args.word(1), calls));
  },
};

export const remove: Command = {
  name: "delete",
  takes: "<id>",
  summary: "remove a settled promise; its id is free again",
  examples: ["delete orders/42/approval"],
  run: async ({ args, promises, calls, screen, json }) => {
    await promises.delete(args.word(0), calls);
    if (!json) screen.note(`deleted ${harmless(args.word(0))}`);
  },
};

async function settle(session: Session, how: Settle): Promise<void> {
  const { args, promises, calls } = session;
  const value = await valueOf(args, args.words[1]);
  const headers = args.pairs("header");
  const idempotencyKey = args.text("idempotency-key");
  const options: SettleOptions = {
    ...calls,
    strict: args.is("strict"),
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  };
  const record: PromiseRecord = await promises[how](args.word(0), value as never, options);
  printRecord(session, record);
}
