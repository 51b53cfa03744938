/** Signing and verifying by Standard Webhooks: its own example, its own package, and what is refused. */
import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import * as client from "../../client/src/index.ts";
import { newSecret, signWebhook, verifyWebhook } from "../../client/src/webhook.ts";

/** The example of the specification's reference libraries. */
const EXAMPLE = {
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
  timestamp: 1_614_265_330_000,
  body: '{"test": 2432232314}',
  signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
};
const { secret, id, timestamp, body } = EXAMPLE;
const now = timestamp;
const other = newSecret();

const signed = (secrets = [secret], text = body) =>
  signWebhook({ id, timestamp, body: text, secrets });

async function codeOf(verified: Promise<unknown>): Promise<string | undefined> {
  try {
    await verified;
  } catch (error) {
    return client.isWebhookError(error) ? error.code : String(error);
  }
  return undefined;
}

describe("a message", () => {
  test("is signed as the specification's example is", async () => {
    expect(await signed()).toEqual({
      "webhook-id": id,
      "webhook-timestamp": "1614265330",
      "webhook-signature": EXAMPLE.signature,
    });
    expect((await signed([secret], '{"a": "ü🙂"}'))["webhook-signature"]).toBe(
      `v1,${createHmac("sha256", Buffer.from(secret.slice(6), "base64"))
        .update(`${id}.1614265330.{"a": "ü🙂"}`)
        .digest("base64")}`,
    );
  });

  test("is taken from a request, or from what a framework has left of one", async () => {
    const headers = await signed();
    const event = { test: 2_432_232_314 };
    const init = { method: "POST", headers: { ...headers }, body };
    const request = new Request("http://receiver", init);
    expect(await verifyWebhook(request, secret, { now })).toEqual(event);
    const upper = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]),
    );
    for (const message of [
      { headers: { ...headers }, body },
      { headers: upper, body: new TextEncoder().encode(body) },
      { headers: new Headers({ ...headers }), body },
    ]) {
      expect(await verifyWebhook(message, secret, { now })).toEqual(event);
    }
    // Without the prefix it is the same secret.
    expect(
      await verifyWebhook({ headers: { ...headers }, body }, secret.slice(6), { now }),
    ).toEqual(event);
  });

  test("that is signed with two secrets is verified by either, and by both", async () => {
    const headers = { ...(await signed([other, secret])) };
    expect(headers["webhook-signature"].split(" ")).toHaveLength(2);
    for (const secrets of [secret, other, [secret], [newSecret(), other], [secret, other]]) {
      await expect(verifyWebhook({ headers, body }, secrets, { now })).resolves.toBeDefined();
    }
    expect(await codeOf(verifyWebhook({ headers, body }, newSecret(), { now }))).toBe(
      "webhook_forged",
    );
  });
});

describe("what is not to be trusted", () => {
  test.each([
    ["webhook_unsigned", { "webhook-id": undefined }],
    ["webhook_unsigned", { "webhook-timestamp": "" }],
    ["webhook_unsigned", { "webhook-signature": undefined }],
    ["webhook_unsigned", { "webhook-timestamp": "soon" }],
    ["webhook_unsigned", { "webhook-timestamp": "1614265330.5" }],
    ["webhook_unsigned", { "webhook-signature": Array(11).fill(EXAMPLE.signature).join(" ") }],
    ["webhook_stale", { "webhook-timestamp": "1614265029" }],
    ["webhook_stale", { "webhook-timestamp": "1614265631" }],
    ["webhook_forged", { "webhook-timestamp": "1614265331" }],
    ["webhook_forged", { "webhook-id": "msg_other" }],
    ["webhook_forged", { "webhook-signature": EXAMPLE.signature.replace("v1,", "v2,") }],
    ["webhook_forged", { "webhook-signature": EXAMPLE.signature.replace("v1,", "") }],
    ["webhook_forged", { "webhook-signature": "v1,!!!" }],
    ["webhook_forged", { "webhook-signature": "v1," }],
    ["webhook_forged", { "webhook-signature": EXAMPLE.signature.slice(0, -8) }],
  ] as const)("is %s: %j", async (code, change) => {
    const headers = { ...(await signed()), ...change };
    expect(await codeOf(verifyWebhook({ headers, body }, secret, { now }))).toBe(code);
  });

  test("is a body that was changed, or is no JSON", async () => {
    const headers = { ...(await signed()) };
    const changed = `${body} `;
    expect(await codeOf(verifyWebhook({ headers, body: changed }, secret, { now }))).toBe(
      "webhook_forged",
    );
    const text = { ...(await signed([secret], "hello")) };
    expect(await codeOf(verifyWebhook({ headers: text, body: "hello" }, secret, { now }))).toBe(
      "webhook_unreadable",
    );
  });

  test("is old by as much as one says", async () => {
    const headers = { ...(await signed()) };
    const late = now + 60_000;
    const verified = verifyWebhook({ headers, body }, secret, { now: late, toleranceMs: 59_000 });
    expect(await codeOf(verified)).toBe("webhook_stale");
    await verifyWebhook({ headers, body }, secret, { now: late, toleranceMs: 60_000 });
  });
});

describe("a secret", () => {
  test("has 256 random bits", () => {
    expect(newSecret()).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(newSecret()).not.toBe(newSecret());
  });

  test.each(["", "whsec_", "whsec_!"])("%j is none, and is not shown", async (wrong) => {
    await expect(signed([wrong])).rejects.toThrow(TypeError);
    const headers = { ...(await signed()) };
    await expect(verifyWebhook({ headers, body }, wrong, { now })).rejects.toThrow(
      "a webhook's secret must be whsec_ and base64",
    );
  });
});

describe("the package standardwebhooks", () => {
  test("and this agree, both ways", async () => {
    for (const text of [body, "{}", JSON.stringify({ text: "ü🙂\u2028".repeat(50_000) })]) {
      const fresh = newSecret();
      const theirs = new Webhook(fresh);
      const at = Date.now();
      const ours = await signWebhook({ id: "evt_1", timestamp: at, body: text, secrets: [fresh] });
      expect(theirs.verify(text, { ...ours })).toEqual(JSON.parse(text));
      const headers = { ...ours, "webhook-signature": theirs.sign("evt_1", new Date(at), text) };
      expect(await verifyWebhook({ headers, body: text }, fresh)).toEqual(JSON.parse(text));
    }
  });
});
