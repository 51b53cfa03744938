/**
 * A payment provider's webhook that arrives before anybody waits. The provider is given a callback
 * link as its webhook target; whatever it posts there, signed as it signs, is the outcome. No route,
 * no table of open payments, and no event that was too early: who comes later has it at once.
 *
 *     npm run example11 [promise-id] [url]
 */
import { createHmac } from "node:crypto";
import { DurablePromises, isRejectedError } from "../src/index.ts";

const [
  id = `my-example-11-${Date.now()}`,
  url = process.env["DURABLE_PROMISES_URL"] || "http://127.0.0.1:8787",
] = process.argv.slice(2);

interface Payment {
  id: string;
  amount: number;
}

/** As the provider's dashboard shows it. */
const SIGNING_SECRET = "whsec_of_the_provider";

const promises = new DurablePromises({ url });

/** Of the event's fields, its type is the outcome, and the payment in it the value. */
const mapping = {
  outcome: "/type",
  rejected: ["payment_intent.payment_failed"],
  value: "/data/object",
};
const verifier = { scheme: "stripe" as const, secrets: [SIGNING_SECRET] };

/** What the checkout does, and then ends. */
async function checkout(): Promise<string> {
  await promises.create(id, { deadline: "1h", param: { data: { order: 42 } } });
  const link = await promises.links.create(id, { allow: "callback", mapping, verifier });
  console.log(`checkout: webhook target ${link.url.replace(/\/c\/.*/, "/c/…")}`);
  return link.url;
}

/** What the provider does, in its own time: it signs the time and the body. */
async function provider(target: string, secret: string, payment: Payment): Promise<void> {
  const event = { type: "payment_intent.succeeded", data: { object: payment } };
  const body = JSON.stringify(event);
  const time = Math.floor(Date.now() / 1000);
  const signature = createHmac("sha256", secret).update(`${time}.${body}`).digest("hex");
  const headers = {
    "content-type": "application/json",
    "stripe-signature": `t=${time},v1=${signature}`,
  };
  const answer = await fetch(target, { method: "POST", headers, body });
  console.log(`provider: ${payment.id}, ${answer.status} ${await answer.text()}`);
}

const target = await checkout();
console.log("Somebody who guesses the secret:");
await provider(target, "whsec_guessed", { id: "pi_forged", amount: 1 });
console.log("The provider, which repeats itself:");
await provider(target, SIGNING_SECRET, { id: "pi_1", amount: 129 });
await provider(target, SIGNING_SECRET, { id: "pi_1", amount: 129 });

// Only now does anybody ask; it might as well be another process, tomorrow.
const begun = performance.now();
try {
  const { id: payment, amount } = await promises.wait<Payment>(id);
  const waited = Math.round(performance.now() - begun);
  console.log(`Paid: ${payment}, ${amount} cents, after waiting ${waited} ms`);
} catch (error) {
  if (!isRejectedError(error)) throw error;
  console.log("Not paid:", error.reason);
}
