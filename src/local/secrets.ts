/**
 * Keys that a deployment needs and nobody wants to make by hand for one machine: drawn once, kept in
 * the data folder for its owner's eyes only, so that links and receipts outlive a restart. A setting
 * of the same name goes before.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FILE = "secrets.json";

export function readSecrets(folder: string): Record<string, string> {
  const path = join(folder, FILE);
  if (!existsSync(path)) {
    writeFileSync(path, `${JSON.stringify(drawSecrets(), null, 2)}\n`, { mode: 0o600 });
  }
  const secrets: Record<string, string> = JSON.parse(readFileSync(path, "utf8"));
  return secrets;
}

function drawSecrets(): Record<string, string> {
  const { privateKey } = generateKeyPairSync("ed25519");
  const receiptKey = privateKey.export({ format: "der", type: "pkcs8" }).toString("base64");
  return {
    LINK_KEYS: `local:${randomBytes(32).toString("base64")}`,
    RECEIPT_KEYS: `local:${receiptKey}`,
  };
}
