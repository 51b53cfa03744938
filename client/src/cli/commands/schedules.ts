/** `schedules`: promises that are made again and again. */
import type { Schedule, ScheduleOptions } from "../../index.ts";
import { type Command, type Session, UsageError } from "../command.ts";
import { fromNow, instantText, lengthText, tagsText, valueText } from "../look.ts";
import { harmless } from "../screen.ts";
import { printCard, printJson, printTable } from "../show.ts";
import type { Column } from "../table.ts";
import { VALUE_FLAGS, valueOf } from "../value.ts";

const create: Command = {
  name: "schedules create",
  takes: "<schedule> <cron>",
  summary: "make a schedule, or get the one that is there",
  flags: {
    "promise-timeout": { takes: "<duration>", help: "the deadline of each promise (24h)" },
    "promise-id": { takes: "<template>", help: "({{.id}}/{{.timestamp}})" },
    timezone: { takes: "<zone>", help: "of the pattern: Europe/Berlin (UTC)" },
    ...VALUE_FLAGS,
    data: { ...VALUE_FLAGS.data, help: "what each promise is asked with" },
    tag: { takes: "<key=value>", short: "t", many: true, help: "a tag of each promise" },
    description: { takes: "<text>", help: "for whoever reads the list" },
    "idempotency-key": { takes: "<key>", help: "fail if it was made with another key (the id)" },
  },
  notes: ["A pattern has blanks: quote it. 5 to 7 fields, or @hourly, @daily, @weekly."],
  examples: ["schedules create reports/daily '0 6 * * *' --timezone Europe/Berlin"],
  run: async (session) => {
    const { args, promises, calls } = session;
    const options = { ...calls, ...(await optionsOf(args)) };
    printSchedule(session, await promises.schedules.create(args.word(0), options));
  },
};

const list: Command = {
  name: "schedules list",
  summary: "all schedules, and when they run next",
  run: async (session) => {
    const { promises, calls, json, screen } = session;
    const rows: string[][] = [];
    const now = Date.now();
    for await (const schedule of promises.schedules.list(calls)) {
      if (json) printJson(session, schedule);
      else rows.push(rowOf(schedule, now));
    }
    if (!json) printTable(screen, COLUMNS, rows);
  },
};

const get: Command = {
  name: "schedules get",
  takes: "<schedule>",
  summary: "one schedule, with its next ten runs",
  run: async (session) => {
    const { args, promises, calls } = session;
    printSchedule(session, await promises.schedules.get(args.word(0), calls));
  },
};

const pause: Command = {
  name: "schedules pause",
  takes: "<schedule>",
  summary: "make no promises until it is resumed",
  run: async (session) => {
    const { args, promises, calls } = session;
    printSchedule(session, await promises.schedules.pause(args.word(0), calls));
  },
};

const resume: Command = {
  name: "schedules resume",
  takes: "<schedule>",
  summary: "go on; what fell into the pause is not made up for",
  run: async (session) => {
    const { args, promises, calls } = session;
    printSchedule(session, await promises.schedules.resume(args.word(0), calls));
  },
};

const runNow: Command = {
  name: "schedules run",
  takes: "<schedule>",
  summary: "one occurrence now, besides the others",
  run: async (session) => {
    const { args, promises, calls, screen, json } = session;
    const made = await promises.schedules.run(args.word(0), calls);
    if (json) printJson(session, made);
    else screen.print(harmless(made.promiseId));
  },
};

const remove: Command = {
  name: "schedules delete",
  takes: "<schedule>",
  summary: "end a schedule; what it has made stays",
  run: async ({ args, promises, calls, screen, json }) => {
    await promises.schedules.delete(args.word(0), calls);
    if (!json) screen.note(`deleted ${harmless(args.word(0))}`);
  },
};

export const schedules: readonly Command[] = [create, list, get, pause, resume, runNow, remove];

const COLUMNS: readonly Column[] = [
  { title: "ID", shrinks: "middle" },
  { title: "CRON" },
  { title: "ZONE" },
  { title: "NEXT" },
  { title: "LAST" },
];

function rowOf(schedule: Schedule, now: number): string[] {
  const { id, cron, timezone, paused, nextRunTime, lastRunTime } = schedule;
  const next = paused ? "paused" : fromNow(nextRunTime, now);
  return [harmless(id), harmless(cron), harmless(timezone), next, fromNow(lastRunTime, now)];
}

function printSchedule(session: Session, schedule: Schedule): void {
  if (session.json) return printJson(session, schedule);
  const now = Date.now();
  const { data } = schedule.promiseParam;
  printCard(session, [
    ["id", schedule.id],
    ["cron", `${schedule.cron} (${schedule.timezone})`],
    ["description", schedule.description],
    ["makes", schedule.promiseId],
    ["deadline", `${lengthText(schedule.promiseTimeout)} after each run`],
    ["tags", tagsText(schedule.promiseTags)],
    ["param", data === undefined ? undefined : valueText(data)],
    ["created", instantText(schedule.createdOn, now)],
    ["last run", instantText(schedule.lastRunTime, now)],
    [
      "next runs",
      schedule.paused
        ? "paused"
        : schedule.nextRuns.map((at) => instantText(at, now)).join("\n") || "never",
    ],
  ]);
}

async function optionsOf(args: Session["args"]): Promise<ScheduleOptions> {
  const data = await valueOf(args);
  const cron = args.word(1);
  if (!/^@|\s/.test(cron)) throw new UsageError("a cron pattern has 5 fields or more: quote it");
  const [promiseId, timezone] = [args.text("promise-id"), args.text("timezone")];
  const [description, idempotencyKey] = [args.text("description"), args.text("idempotency-key")];
  return {
    cron,
    promiseTimeout: args.text("promise-timeout") ?? "24h",
    promiseTags: args.pairs("tag"),
    ...(data !== undefined && { promiseParam: { data } }),
    ...(promiseId !== undefined && { promiseId }),
    ...(timezone !== undefined && { timezone }),
    ...(description !== undefined && { description }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  };
}
