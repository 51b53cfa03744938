/** `create`: a promise, with all that it may be created with. */
import type { CreateOptions } from "../../index.ts";
import type { Command, Session } from "../command.ts";
import { UsageError } from "../command.ts";
import { harmless } from "../screen.ts";
import { printRecord } from "../show.ts";
import { structuresOf, VALUE_FLAGS, valueOf } from "../value.ts";

export const create: Command = {
  name: "create",
  takes: "[id]",
  summary: "create a promise, or get the one that is there",
  flags: {
    ...VALUE_FLAGS,
    data: {
      ...VALUE_FLAGS.data,
      help: "what it is asked with: JSON, or a plain text; - reads stdin",
    },
    file: { ...VALUE_FLAGS.file, help: "what it is asked with, from a file" },
    header: { takes: "<key=value>", many: true, help: "a header of what it is asked with" },
    deadline: { takes: "<when>", help: "24h, or 2026-12-24T18:00:00Z (never)" },
    "on-timeout": { takes: "<json>", help: 'what the deadline does: {"state": "RESOLVED"}' },
    tag: { takes: "<key=value>", short: "t", many: true, help: "a tag, to find it by" },
    retention: { takes: "<duration>", help: "how long it is kept once settled (for ever)" },
    form: { takes: "<json|@file>", help: "what a person is asked, on the page of a link" },
    "requested-by": { takes: "<who>", help: "who asks" },
    quorum: { takes: "<json|@file>", help: 'several decide: {"approvals": 2, "of": 3}' },
    escalation: { takes: "<json|@file>", help: "what happens while nobody decides" },
    "idempotency-key": { takes: "<key>", help: "fail if it was created with another key (the id)" },
    strict: { help: "fail if it is there and settled" },
    quiet: { short: "q", help: "print the id only" },
  },
  notes: ["Without an id, one is drawn that nobody can guess."],
  examples: [
    "create orders/42/approval --deadline 7d --tag region=eu --data '{\"amount\": 1200}'",
    "id=$(durable-promises create -q --deadline 1h)",
  ],
  run: createPromise,
};

async function createPromise(session: Session): Promise<void> {
  const { args, promises, calls, screen } = session;
  const data = await valueOf(args);
  const headers = args.pairs("header");
  const hasParam = data !== undefined || Object.keys(headers).length > 0;
  const structures = await structuresOf(args, {
    form: "form",
    quorum: "quorum",
    escalation: "escalation",
    onTimeout: "on-timeout",
  });
  const [deadline, retention] = [args.text("deadline"), args.text("retention")];
  const [requestedBy, idempotencyKey] = [args.text("requested-by"), args.text("idempotency-key")];
  const options: CreateOptions = {
    ...calls,
    ...structures,
    tags: args.pairs("tag"),
    strict: args.is("strict"),
    ...(hasParam && {
      param: {
        ...(Object.keys(headers).length > 0 && { headers }),
        ...(data !== undefined && { data }),
      },
    }),
    ...(deadline !== undefined && { deadline }),
    ...(retention !== undefined && { retention }),
    ...(requestedBy !== undefined && { requestedBy }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  };
  if (args.words[0] === "") throw new UsageError("the id must not be empty");
  const record = await promises.create(args.words[0], options);
  if (args.is("quiet")) screen.print(harmless(record.id));
  else printRecord(session, record);
}
