/** What `doctor` looks at first: the URL, its name, who answers there, and what time it is there. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Finding } from "./doctor.ts";
import { type Answered, type Asking, reasonOf } from "./doctor-ask.ts";
import { lengthText } from "./look.ts";

type Found = Omit<Finding, "check">;

/** Receipts and webhooks are refused when clocks differ by minutes; people notice before. */
const SKEW_MS_MAX = 5000;

const good = (says: string): Found => ({ verdict: "good", says });
const bad = (says: string, todo: string): Found => ({ verdict: "bad", says, todo });

export async function checkUrl({ url, token }: Asking): Promise<Found> {
  const todo = "Set DURABLE_PROMISES_URL or --url to something like https://promises.example.com.";
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return bad(`${JSON.stringify(url)} is not a URL`, todo);
  }
  if (!["http:", "https:"].includes(parsed.protocol)) {
    return bad(`${url} begins with ${parsed.protocol} and not with http: or https:`, todo);
  }
  if (parsed.search || parsed.hash || parsed.username || parsed.password) {
    return bad(`${parsed.origin} is given with a query, a fragment or a password`, todo);
  }
  if (parsed.protocol === "http:" && token !== undefined && !isLocal(parsed.hostname)) {
    return {
      verdict: "unclear",
      says: `${url} is not encrypted, and your key travels over it`,
      todo: "Use https:// for everything beyond this machine.",
    };
  }
  return good(url);
}

export async function checkName({ url }: Asking): Promise<Found> {
  const hostname = new URL(url).hostname.replace(/^\[|\]$/g, "");
  if (isIP(hostname) !== 0) return good(`${hostname} is an address`);
  try {
    const addresses = await lookup(hostname, { all: true });
    return good(`${hostname} is ${addresses.map(({ address }) => address).join(", ")}`);
  } catch (error) {
    const { code } = reasonOf(error);
    const says = `the name ${hostname} cannot be resolved (${code})`;
    return bad(says, "Check its spelling, and that this machine's DNS knows it.");
  }
}

export async function checkHealth({ ask, url }: Asking): Promise<Found> {
  let answer: Answered;
  try {
    answer = await ask({ path: "/health", isAnonymous: true });
  } catch (error) {
    return unreached(url, error);
  }
  const { status, code, detail, json, ms, headers } = answer;
  const location = headers.get("location");
  if (status >= 300 && status < 400 && location !== null) {
    return bad(`${url} sends us on to ${location}`, "Use that URL instead.");
  }
  if (code === "not_configured") {
    return bad(`the server has no keys yet: ${detail}`, "Set API_KEYS on the server.");
  }
  const isOurs = (json as { status?: unknown } | undefined)?.status === "ok";
  if (status === 200 && isOurs) return good(`answers in ${ms} ms`);
  const said = `${url}/health answers ${status}${detail === "" ? "" : `: ${detail}`}`;
  return bad(
    `${said.replaceAll(/\s+/g, " ")}, which a promise server does not`,
    "Check the URL and its path: something else is there, or a proxy in front of it.",
  );
}

const REASONS: Record<string, readonly [what: string, todo: string]> = {
  ECONNREFUSED: [
    "nobody listens there",
    "Start the server (npm start), or check the port of the URL.",
  ],
  ECONNRESET: [
    "the line is cut at once",
    "Check http or https in the URL, and the firewall or proxy on the way.",
  ],
  UND_ERR_SOCKET: [
    "the line is cut at once",
    "Check http or https in the URL, and the firewall or proxy on the way.",
  ],
  ENOTFOUND: ["its name cannot be resolved", "Check the spelling, and this machine's DNS."],
  EHOSTUNREACH: ["there is no way to that address", "Check the network, or the VPN."],
  ENETUNREACH: ["there is no way to that network", "Check the network, or the VPN."],
  ERR_SSL_WRONG_VERSION_NUMBER: ["it does not speak TLS", "Use http:// in the URL."],
  TimeoutError: [
    "nothing is answered within 10 s",
    "Check the firewall or proxy on the way, and whether the server is overloaded.",
  ],
};

function unreached(url: string, error: unknown): Found {
  const { code, message } = reasonOf(error);
  const isCertificate = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/i.test(code);
  const [what, todo] = isCertificate
    ? [
        `its certificate is not trusted (${code})`,
        "Give the server a certificate for this name, or this machine its authority (NODE_EXTRA_CA_CERTS).",
      ]
    : (REASONS[code] ?? [message, "Check the URL, and whether the server runs."]);
  return bad(`cannot reach ${url}: ${what}`, todo);
}

export async function checkReady({ ask }: Asking): Promise<Found> {
  const { status, detail, code } = await ask({ path: "/ready" });
  if (status === 200) return good("takes requests");
  if (status === 404 || status === 401 || code === "no_route") {
    return { verdict: "skipped", says: "this server does not say (no /ready)" };
  }
  return bad(`not ready (${status}): ${detail}`, "Wait, or look at the server's log.");
}

/** By the header `date`, whose seconds are whole, or what the index says. */
export async function checkClock({ ask }: Asking): Promise<Found> {
  const sentAt = Date.now();
  const { headers, json } = await ask({ path: "/stats" });
  const receivedAt = Date.now();
  const { at } = (json ?? {}) as { at?: unknown };
  const date = Date.parse(headers.get("date") ?? "");
  const theirs = typeof at === "number" ? at : date;
  if (Number.isNaN(theirs)) return { verdict: "skipped", says: "the server does not say its time" };
  const slack = (receivedAt - sentAt) / 2 + (typeof at === "number" ? 0 : 1000);
  const skew = theirs - (sentAt + receivedAt) / 2;
  if (Math.abs(skew) <= SKEW_MS_MAX + slack) return good("this clock and the server's agree");
  const how = skew > 0 ? "behind" : "ahead of";
  return {
    verdict: "unclear",
    says: `this clock is ${lengthText(Math.abs(skew))} ${how} the server's`,
    todo: "Set the clock (NTP): deadlines that are instants, webhooks and tokens go by it.",
  };
}

function isLocal(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname.startsWith("127.") ||
    hostname === "[::1]"
  );
}
