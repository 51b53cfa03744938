/**
 * An approval by mail. The program asks, sends a link, and waits; the person opens the link and
 * decides on its page, without an account. The mails land in a mailbox of this example's own, whose
 * scanner follows every link before the person does, as mail scanners do. That changes nothing.
 *
 *     npm run example10 -- [promise-id] [url] [--auto]
 *
 * Open the mailbox and click. With `--auto`, or away from a terminal, the person is part of the example.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { DurablePromises, type Form, isRejectedError } from "../src/index.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: { auto: { type: "boolean", default: !process.stdin.isTTY } },
});
const [
  id = `my-example-10-${Date.now()}`,
  url = process.env["DURABLE_PROMISES_URL"] || "http://127.0.0.1:8787",
] = positionals;

interface Mail {
  to: string;
  subject: string;
  link: string;
}

const BOSS = "ada@example.com";
const form = {
  title: "May Bob buy a new laptop?",
  description: "The old one **does not start** any more.",
  details: [
    { label: "Price", value: "1,200 EUR" },
    { label: "Supplier", value: "ACME" },
  ],
  schema: {
    type: "object",
    required: ["budget"],
    properties: {
      budget: { type: "string", title: "Which budget?", enum: ["IT", "Research"] },
      note: { type: "string", title: "Note" },
    },
  },
} satisfies Form;

/** A mailbox: what `send` delivers, its page shows. */
async function openMailbox() {
  const mails: Mail[] = [];
  const server = createServer((_, response) => {
    const items = mails.map(
      ({ to, subject, link }) => `<li>To ${to}: <a href="${link}">${subject}</a></li>`,
    );
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(`<!doctype html><title>Mailbox</title><h1>Mailbox</h1><ul>${items.join("")}</ul>`);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async send(mail: Mail): Promise<void> {
      await scan(mail.link);
      mails.push(mail);
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Looks at everything behind a link, before the person does: that is its job. */
async function scan(link: string): Promise<void> {
  const answers = [];
  for (const method of ["HEAD", "GET", "OPTIONS", "GET"]) {
    const { status } = await fetch(link, { method, headers: { "user-agent": "MailScanner/1.0" } });
    answers.push(`${method} ${status}`);
  }
  console.log(`scanner: ${answers.join(", ")}`);
}

/** The person: reads the page, fills in its form, and presses the first of its buttons. */
async function approve(link: string): Promise<void> {
  const page = await (await fetch(link, { headers: { accept: "text/html" } })).text();
  console.log(`person: reads "${/<title>([^<]*)/.exec(page)?.[1]}"`);
  const { status } = await fetch(link, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ state: "RESOLVED", value: { data: { budget: "IT", note: "Enjoy" } } }),
  });
  console.log(`person: approves, ${status}`);
}

const promises = new DurablePromises({ url });
const mailbox = await openMailbox();

await promises.create(id, { deadline: "1d", form, requestedBy: "bob@example.com" });
const { url: link } = await promises.links.create(id, { audience: BOSS, note: "It is urgent." });
await mailbox.send({ to: BOSS, subject: form.title, link });
console.log(`after the scanner: ${(await promises.get(id)).state}`);

console.log(`Open the mailbox at ${mailbox.url} and decide.`);
if (flags.auto) await approve(link);

try {
  const decision = await promises.wait<{ budget: string; note?: string }>(id);
  console.log(`Orders the laptop on the ${decision.budget} budget: ${decision.note ?? "no note"}`);
} catch (error) {
  if (!isRejectedError(error)) throw error;
  console.log(`Orders nothing: ${error.message}`);
}
const { settledBy } = await promises.get(id);
console.log(`Decided by ${settledBy?.who ?? "nobody"} (${settledBy?.how ?? "deadline"})`);
mailbox.close();
