/**
 * Which URLs this server may call because somebody told it to: a guard against requests to what only
 * the server can reach (SSRF). It judges what the URL says and resolves no name: that a public name
 * leads to a private address is the network's matter (Cloudflare's Workers reach the public only).
 *
 * It reads a URL as the runtime's own parser does (WHATWG), which brings every spelling of an IPv4
 * address (decimal, octal, hexadecimal, short) into the dotted one.
 */

/** What it asks of the parser, a pure function of the text, which every runtime has. */
interface UrlParts {
  protocol: string;
  hostname: string;
  username: string;
  password: string;
}
declare const URL: { new (text: string): UrlParts; canParse(text: string): boolean };

export interface UrlPolicy {
  /** Whether this machine may be called, and without TLS: for a server that was started for it. */
  loopback: boolean;
}

type Kind = "public" | "loopback" | "forbidden";

/** IANA's special-purpose registries (RFC 6890) and the classes behind them. */
const IPV4_FORBIDDEN: [base: string, bits: number][] = [
  ["0.0.0.0", 8], // this network
  ["10.0.0.0", 8], // private
  ["100.64.0.0", 10], // a provider's own
  ["169.254.0.0", 16], // link-local, and the clouds' metadata
  ["172.16.0.0", 12], // private
  ["192.0.0.0", 24], // protocol assignments
  ["192.0.2.0", 24], // documentation
  ["192.88.99.0", 24], // relays of 6to4
  ["192.168.0.0", 16], // private
  ["198.18.0.0", 15], // benchmarks
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, and broadcast
];

/** Names that only a local resolver knows. */
const LOCAL_NAME = /\.(?:local|internal|localdomain|lan|home|corp|private|intranet|arpa)$/;

/**
 * Why we may not call it, as a sentence.
 *
 * @returns `undefined` when we may
 */
export function faultOfUrl(text: string, { loopback }: UrlPolicy): string | undefined {
  if (!URL.canParse(text)) return "The URL cannot be read";
  const url = new URL(text);
  const isSecure = url.protocol === "https:";
  if (!isSecure && url.protocol !== "http:") return "The URL must begin with https://";
  if (url.username !== "" || url.password !== "") return "The URL must not carry credentials";
  const kind = kindOf(url.hostname.toLowerCase());
  if (kind === "loopback" && loopback) return undefined;
  if (kind !== "public") return `The host ${url.hostname} is not on the public internet`;
  return isSecure ? undefined : "The URL must begin with https://";
}

function kindOf(hostname: string): Kind {
  if (hostname.startsWith("[")) return kindOfIpv6(hostname.slice(1, -1));
  const name = hostname.endsWith(".") ? hostname.slice(0, -1) : hostname;
  if (name === "localhost" || name.endsWith(".localhost")) return "loopback";
  const labels = name.split(".");
  // The parser takes what ends in a number for an address, or takes it for no URL.
  if (/^(?:\d+|0x[\da-f]*)$/.test(labels.at(-1)!)) return kindOfIpv4(numberOfIpv4(name));
  if (labels.length < 2 || labels.includes("") || LOCAL_NAME.test(name)) return "forbidden";
  return "public";
}

function numberOfIpv4(text: string): number | undefined {
  const bytes = text.split(".");
  if (
    bytes.length !== 4 ||
    !bytes.every((byte) => /^(?:0|[1-9]\d{0,2})$/.test(byte) && +byte < 256)
  )
    return undefined;
  return bytes.reduce((number, byte) => number * 256 + Number(byte), 0);
}

function kindOfIpv4(address: number | undefined): Kind {
  if (address === undefined) return "forbidden";
  if (address >>> 24 === 127) return "loopback";
  const isForbidden = IPV4_FORBIDDEN.some(
    ([base, bits]) => address >>> (32 - bits) === numberOfIpv4(base)! >>> (32 - bits),
  );
  return isForbidden ? "forbidden" : "public";
}

/** Global unicast (2000::/3) is public but for its exceptions; all else is not, but for IPv4 in it. */
function kindOfIpv6(text: string): Kind {
  const groups = groupsOfIpv6(text);
  if (!groups) return "forbidden";
  const [first, second] = groups as [number, number];
  if (groups.slice(0, 7).every((group) => group === 0) && groups[7] === 1) return "loopback";
  // Mapped (::ffff:0:0/96), compatible (::/96), translated (::ffff:0:0:0/96), NAT64 (64:ff9b::/96).
  const head = groups.slice(0, 6).map((group) => group.toString(16));
  if (/^(?:0:0:0:0:0:(?:0|ffff)|0:0:0:0:ffff:0|64:ff9b:0:0:0:0)$/.test(head.join(":"))) {
    return kindOfIpv4(ipv4Of(groups, 6));
  }
  if (first === 0x2002) return kindOfIpv4(ipv4Of(groups, 1));
  if (first >>> 13 !== 1) return "forbidden";
  // 2001::/23 is Teredo and the like, 2001:db8::/32 and 3fff::/20 are documentation.
  if (first === 0x2001 && (second < 0x200 || second === 0xdb8)) return "forbidden";
  return first === 0x3fff && second < 0x1000 ? "forbidden" : "public";
}

function ipv4Of(groups: number[], at: number): number {
  return groups[at]! * 0x1_0000 + groups[at + 1]!;
}

/** Eight numbers; `undefined` for what the parser would not have written. */
function groupsOfIpv6(text: string): number[] | undefined {
  const [head = "", tail, more] = text.split("::");
  const before = numbersOf(head);
  const after = numbersOf(tail ?? "");
  const missing = 8 - before.length - after.length;
  if (more !== undefined || (tail === undefined ? missing !== 0 : missing < 1)) return undefined;
  const groups = [...before, ...Array.from({ length: missing }, () => 0), ...after];
  return groups.every((group) => group >= 0 && group <= 0xffff) ? groups : undefined;
}

function numbersOf(groups: string): number[] {
  if (groups === "") return [];
  return groups
    .split(":")
    .map((group) => (/^[\da-f]{1,4}$/.test(group) ? parseInt(group, 16) : -1));
}
