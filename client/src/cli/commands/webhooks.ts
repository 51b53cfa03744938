/** `webhooks`: endpoints that are told what becomes of promises. */
import { WEBHOOK_EVENTS, WEBHOOK_FORMATS, type Webhook, type WebhookChange } from "../../index.ts";
import { type Command, type Flags, type Session, UsageError } from "../command.ts";
import { EXIT } from "../exit.ts";
import { fromNow, instantText, lengthText } from "../look.ts";
import { harmless } from "../screen.ts";
import { printCard, printJson, printTable } from "../show.ts";
import type { Column } from "../table.ts";

const CHANGE_FLAGS = {
  event: { takes: "<event>", many: true, oneOf: WEBHOOK_EVENTS, help: "what it is told (both)" },
  promise: { takes: "<id>", help: "of this promise only" },
  prefix: { takes: "<prefix>", help: "of those whose ids begin so" },
  tag: { takes: "<key=value>", short: "t", many: true, help: "of those with this tag" },
  format: { takes: "<format>", oneOf: WEBHOOK_FORMATS, help: "json, cloudevents (json)" },
  retry: { takes: "<durations>", help: "the waits between attempts: 5s,1m,1h" },
  description: { takes: "<text>", help: "for whoever reads the list" },
} as const satisfies Flags;

const create: Command = {
  name: "webhooks create",
  takes: "<url>",
  summary: "make an endpoint; its secret is shown only now",
  flags: { ...CHANGE_FLAGS, disabled: { help: "send nothing yet" } },
  examples: [
    "webhooks create https://shop.example.com/hook --event promise.settled --prefix orders/",
  ],
  run: async (session) => {
    const { args, promises, calls } = session;
    printWebhook(
      session,
      await promises.webhooks.create(args.word(0), { ...calls, ...changeOf(args) }),
    );
  },
};

const list: Command = {
  name: "webhooks list",
  summary: "all endpoints, and how much waits for them",
  run: async (session) => {
    const { promises, calls, json, screen } = session;
    const rows: string[][] = [];
    for await (const webhook of promises.webhooks.list(calls)) {
      if (json) printJson(session, webhook);
      else rows.push(rowOf(webhook));
    }
    if (!json) printTable(screen, WEBHOOK_COLUMNS, rows);
  },
};

const get: Command = {
  name: "webhooks get",
  takes: "<webhook>",
  summary: "one endpoint",
  run: async (session) => {
    const { args, promises, calls } = session;
    printWebhook(session, await promises.webhooks.get(args.word(0), calls));
  },
};

const update: Command = {
  name: "webhooks update",
  takes: "<webhook>",
  summary: "change an endpoint; what is not given stays as it is",
  flags: {
    to: { takes: "<url>", help: "another URL" },
    ...CHANGE_FLAGS,
    enable: { help: "send again" },
    disable: { help: "send nothing" },
  },
  examples: ["webhooks update wh_... --disable"],
  run: async (session) => {
    const { args, promises, calls } = session;
    const [enable, disable] = [args.is("enable"), args.is("disable")];
    if (enable && disable) throw new UsageError("give --enable or --disable");
    const url = args.text("to");
    const change = {
      ...changeOf(args),
      ...(url !== undefined && { url }),
      ...((enable || disable) && { disabled: disable }),
    };
    if (Object.keys(change).length === 0) throw new UsageError("say what is to change");
    printWebhook(session, await promises.webhooks.update(args.word(0), { ...calls, ...change }));
  },
};

const remove: Command = {
  name: "webhooks delete",
  takes: "<webhook>",
  summary: "remove an endpoint, with everything that waits for it",
  run: async ({ args, promises, calls, screen, json }) => {
    await promises.webhooks.delete(args.word(0), calls);
    if (!json) screen.note(`deleted ${harmless(args.word(0))}`);
  },
};

const test: Command = {
  name: "webhooks test",
  takes: "<webhook>",
  summary: "send an event now, and say what came of it",
  run: async (session) => {
    const { args, promises, calls, json } = session;
    const delivery = await promises.webhooks.test(args.word(0), calls);
    if (json) printJson(session, delivery);
    else {
      printCard(session, [
        ["delivered", delivery.delivered ? "yes" : "no"],
        ["status", statusText(delivery)],
        ["took", lengthText(delivery.ms)],
        ["answer", delivery.answer],
      ]);
    }
    return delivery.delivered ? EXIT.ok : EXIT.failed;
  },
};

const rotate: Command = {
  name: "webhooks rotate",
  takes: "<webhook>",
  summary: "a new secret; the one before stays valid for a while",
  flags: { overlap: { takes: "<duration>", help: "for how long (24h)" } },
  run: async (session) => {
    const { args, promises, calls } = session;
    const overlap = args.text("overlap");
    printWebhook(
      session,
      await promises.webhooks.rotate(args.word(0), {
        ...calls,
        ...(overlap !== undefined && { overlap }),
      }),
    );
  },
};

const deliveries: Command = {
  name: "webhooks deliveries",
  takes: "<webhook>",
  summary: "the last attempts, the latest first",
  run: async (session) => {
    const { args, promises, calls, json, screen } = session;
    const attempts = await promises.webhooks.deliveries(args.word(0), calls);
    if (json) return attempts.forEach((attempt) => printJson(session, attempt));
    const now = Date.now();
    const columns = ["AT", "TYPE", "ATTEMPT", "STATUS", "TOOK", "EVENT"];
    printTable(
      screen,
      columns.map((title) => ({ title })),
      attempts.map((attempt) => [
        fromNow(attempt.at, now),
        attempt.type,
        String(attempt.attempt),
        statusText(attempt),
        lengthText(attempt.ms),
        attempt.event,
      ]),
    );
  },
};

const deadLetters: Command = {
  name: "webhooks dead-letters",
  takes: "<webhook>",
  summary: "what was given up, the oldest first",
  run: async (session) => {
    const { args, promises, calls, json, screen } = session;
    const rows: string[][] = [];
    const now = Date.now();
    for await (const letter of promises.webhooks.deadLetters(args.word(0), calls)) {
      const { deadOn, type, promise, attempts, reason, event } = letter;
      if (json) printJson(session, letter);
      else
        rows.push(
          [fromNow(deadOn, now), type, promise, String(attempts), reason, event].map(harmless),
        );
    }
    const columns = ["GIVEN UP", "TYPE", "PROMISE", "ATTEMPTS", "REASON", "EVENT"];
    if (!json)
      printTable(
        screen,
        columns.map((title) => ({ title })),
        rows,
      );
  },
};

const redeliver: Command = {
  name: "webhooks redeliver",
  takes: "<webhook> [event]",
  summary: "send again: one event, or all that was given up",
  run: async ({ args, promises, calls, screen, json }) => {
    const event = args.words[1];
    const redelivered = await promises.webhooks.redeliver(args.word(0), {
      ...calls,
      ...(event !== undefined && { event }),
    });
    if (json) screen.print(JSON.stringify({ redelivered }));
    else screen.note(`${redelivered} sent again`);
  },
};

export const webhooks: readonly Command[] = [
  create,
  list,
  get,
  update,
  remove,
  test,
  rotate,
  deliveries,
  deadLetters,
  redeliver,
];

const WEBHOOK_COLUMNS: readonly Column[] = [
  { title: "ID" },
  { title: "STATUS" },
  { title: "WAITING" },
  { title: "DEAD" },
  { title: "URL", shrinks: "end" },
];

function rowOf({ id, disabled, waiting, deadLetters: dead, url }: Webhook): string[] {
  return [id, disabled ? "disabled" : "enabled", String(waiting), String(dead), harmless(url)];
}

function printWebhook(session: Session, webhook: Webhook & { secret?: string }): void {
  if (session.json) return printJson(session, webhook);
  const { previousSecretUntil } = webhook;
  const now = Date.now();
  printCard(session, [
    ["id", webhook.id],
    ["url", webhook.url],
    ["secret", webhook.secret],
    [
      "old secret until",
      previousSecretUntil === undefined ? undefined : instantText(previousSecretUntil, now),
    ],
    ["events", webhook.events.join(", ")],
    ["filter", filterText(webhook)],
    ["format", webhook.format],
    ["retry", webhook.retry.map(lengthText).join(", ")],
    ["description", webhook.description],
    ["disabled", webhook.disabled ? `since ${instantText(webhook.disabledOn, now)}` : undefined],
    ["waiting", String(webhook.waiting)],
    ["dead letters", String(webhook.deadLetters)],
    ["created", instantText(webhook.createdOn, now)],
  ]);
}

function filterText({ filter }: Webhook): string {
  return Object.keys(filter).length === 0 ? "all promises" : JSON.stringify(filter);
}

function statusText({
  status,
  failure,
}: {
  status: number | null;
  failure: string | null;
}): string {
  return status === null ? (failure ?? "nothing") : String(status);
}

function changeOf(args: Session["args"]): WebhookChange {
  const [promise, prefix, retry] = [args.text("promise"), args.text("prefix"), args.text("retry")];
  const [format, description] = [args.choice("format", WEBHOOK_FORMATS), args.text("description")];
  const events = args.choices("event", WEBHOOK_EVENTS);
  const tags = args.pairs("tag");
  const filter = {
    ...(promise !== undefined && { promise }),
    ...(prefix !== undefined && { prefix }),
    ...(Object.keys(tags).length > 0 && { tags }),
  };
  return {
    ...(events.length > 0 && { events }),
    ...(Object.keys(filter).length > 0 && { filter }),
    ...(format !== undefined && { format }),
    ...(retry !== undefined && { retry: retry.split(",") }),
    ...(description !== undefined && { description }),
    ...(args.is("disabled") && { disabled: true }),
  };
}
