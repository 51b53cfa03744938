/**
 * Where the server listens: which address a host name means, whether only this machine can reach
 * it, how it reads as a URL, and whether it is free. Knows nothing of workerd.
 */
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { BlockList, createServer, isIP, isIPv6 } from "node:net";
import { StartError } from "./start-error.ts";

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/**
 * The one IP address that `host` means. A name such as `localhost` can mean two; workerd would
 * listen on both, and for port 0 on two different ports, so the choice is made here.
 */
export async function resolveHost(host: string): Promise<string> {
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  if (isIP(bare) !== 0) return bare;
  try {
    return (await lookup(bare, { order: "ipv4first" })).address;
  } catch (cause) {
    throw new StartError("address_unusable", `--host ${host}: no address has that name`, { cause });
  }
}

/** Whether only this machine can reach the address. Asked of the address, never of a name. */
export function isLoopback(ip: string): boolean {
  return LOOPBACK.check(ip, isIPv6(ip) ? "ipv6" : "ipv4");
}

/** `127.0.0.1:8787` or `[::1]:8787`. */
export function authority(ip: string, port: number): string {
  return `${isIPv6(ip) ? `[${ip}]` : ip}:${port}`;
}

/** A URL that this machine can open; the wildcard addresses are for listening only. */
export function originOf(ip: string, port: number): string {
  const reachable = ip === "0.0.0.0" ? "127.0.0.1" : ip === "::" ? "::1" : ip;
  return `http://${authority(reachable, port)}`;
}

/**
 * Refuses an address that cannot be listened on. workerd would refuse too, but in words that differ
 * between systems, and after the data folder was prepared. Another process may still take the port
 * before workerd does; then workerd's own words are shown.
 */
export async function assertFree(ip: string, port: number): Promise<void> {
  const probe = createServer();
  probe.listen({ host: ip, port, exclusive: true });
  try {
    await once(probe, "listening");
  } catch (cause) {
    const reason = WHY[codeOf(cause)] ?? String(cause);
    throw new StartError("address_unusable", `${authority(ip, port)}: ${reason}`, { cause });
  }
  probe.close();
  await once(probe, "close");
}

const WHY: Record<string, string> = {
  EADDRINUSE: "the port is in use; stop what listens there, or pass another --port",
  EACCES: "not allowed to listen on that port; pass a --port above 1023",
  EADDRNOTAVAIL: "this machine has no such address; pass another --host",
};

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
