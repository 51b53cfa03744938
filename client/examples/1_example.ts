/**
 * One promise, one process: peek, await, resolve, and a rejection that comes too late.
 *
 *     npm run example1 [promise-id] [url]
 *
 * Run it twice: the second time the promise has its value from the start.
 */
import { durablePromise } from "../src/index.ts";

const [
  id = "my-durable-promise-id",
  url = process.env["DURABLE_PROMISES_URL"] || "http://127.0.0.1:8787",
] = process.argv.slice(2);

const promise = durablePromise<string>(url, id);

console.log("Peeked:", await promise.peek());

// Waiting can begin before there is anything to wait for.
const waiting = promise.get();

// Whoever settles first decides. What comes back is the actual value, ours or not.
console.log("Resolved, actual value:", await promise.resolve("This goes to everyone who waits"));
console.log("Awaited:", await waiting);

// Too late to change anything: the value stays.
console.log("Rejected, actual value:", await promise.reject("Oh dear"));
