/**
 * One of many processes around the same promise: each either resolves or awaits it, at random. Start
 * it several times, in several terminals, in any order.
 *
 *     npm run example2 [promise-id] [url] [resolve | await]
 */
import { durablePromise } from "../src/index.ts";

const RESOLVE_PROBABILITY = 0.3;

const [
  id = "my-example-2-id",
  url = process.env["DURABLE_PROMISES_URL"] || "http://127.0.0.1:8787",
  role = Math.random() < RESOLVE_PROBABILITY ? "resolve" : "await",
] = process.argv.slice(2);

const say = (text: string) => console.log(`${process.pid}: ${text}`);

const promise = durablePromise<string>(url, id);
say(`peeked ${JSON.stringify(await promise.peek())}, will ${role}`);

if (role === "resolve") {
  const actual = await promise.resolve(`Completed by ${process.pid}`);
  say(`resolved, actual value: ${JSON.stringify(actual)}`);
} else {
  say(`awaited: ${JSON.stringify(await promise.get())}`);
}
