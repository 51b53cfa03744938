/**
 * Two of three must approve, and somebody is told when they are slow. Ada votes at once; nobody else
 * does, until the escalation rings a pager, which gets Bob to look. His vote is the second, and
 * decides. The receipt of it all is verified by the server's public keys.
 *
 *     npm run example12 [promise-id] [url]
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { DurablePromises, verifyReceipt } from "../src/index.ts";

const [
  id = `my-example-12-${Date.now()}`,
  url = process.env["DURABLE_PROMISES_URL"] || "http://127.0.0.1:8787",
] = process.argv.slice(2);

const VOTERS = ["ada", "bob", "cy"];
const promises = new DurablePromises({ url });

/** What an escalation posts to whom it notifies. */
interface Notice {
  type: "promise.escalated";
  step: number;
  data: { id: string; votes?: { by: string }[] };
}

/** A pager: a server that waits to be called once. */
async function openPager() {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async rings(): Promise<Notice> {
      const [request, response] = await once(server, "request");
      const notice = (await json(request)) as Notice;
      await new Promise<void>((resolve) => response.writeHead(204).end(resolve));
      return notice;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function outcome(): Promise<string> {
  return promises.wait(id).then(
    (value) => `Decided: ${JSON.stringify(value)}`,
    (error: unknown) => `Not approved: ${String(error)}`,
  );
}

const pager = await openPager();
const rung = pager.rings();
await promises.create(id, {
  deadline: "1m",
  form: { title: "Deploy on a Friday?" },
  requestedBy: "dan",
  quorum: { approvals: 2, voters: VOTERS, excludeRequester: true },
  escalation: [
    { after: "1s", notify: pager.url, extend: "1m" },
    { after: "90s", settle: { state: "REJECTED", value: { data: "nobody had time" } } },
  ],
});

/** Each voter has a link of their own: its name is the name of the vote. */
const links = new Map<string, string>();
for (const audience of VOTERS) {
  links.set(audience, (await promises.links.create(id, { audience })).url);
}

async function vote(name: string): Promise<void> {
  const answer = await fetch(links.get(name)!, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ state: "RESOLVED", value: { data: { go: true } } }),
  });
  const { state } = (await answer.json()) as { state: string };
  console.log(`${name} approves: ${answer.status}, ${state}`);
}

await vote("ada");
await vote("ada"); // Once more, which does not count.
// Of what is decided already, nobody is told.
const notice = await Promise.race([rung, outcome()]);
if (typeof notice === "object") {
  const voters = notice.data.votes?.map(({ by }) => by);
  console.log(`pager: step ${notice.step} of ${notice.data.id}, so far ${voters?.join()}`);
}
await vote("bob");

console.log(await outcome());
const { votes = [], quorum, escalation = [] } = await promises.get(id);
for (const { by, approves } of votes) console.log(`- ${by}: ${approves ? "yes" : "no"}`);
console.log(`${votes.length} votes, ${quorum?.approvals} needed of ${quorum?.of}`);
console.log(
  `Escalated ${escalation.filter(({ done }) => done).length} of ${escalation.length} steps`,
);

const { jws } = await promises.receipts.get(id);
const receipt = await verifyReceipt(jws, { url });
console.log(
  `Receipt: ${receipt.promise.id} is ${receipt.promise.state}, settled by`,
  receipt.settledBy,
);
pager.close();
