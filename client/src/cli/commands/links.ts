/** `links`: capabilities for one promise, for those who have no key. */
import {
  type Link,
  type LinkAllow,
  type LinkOptions,
  type LinkScheme,
  type LinkVerifier,
  WRITABLE_STATES,
} from "../../index.ts";
import { type Command, type Session, UsageError } from "../command.ts";
import { instantText } from "../look.ts";
import { harmless } from "../screen.ts";
import { type Field, printCard, printJson, printTable } from "../show.ts";
import { structureOf, VALUE_FLAGS, valueOf } from "../value.ts";

const ALLOWS = ["choose", "fixed", "await", "callback"] as const satisfies readonly LinkAllow[];
const SCHEMES = [
  "standard-webhooks",
  "github",
  "stripe",
  "slack",
  "hmac",
] as const satisfies readonly LinkScheme[];

const create: Command = {
  name: "links create",
  takes: "<promise>",
  summary: "make a link; its URL is a secret, and is shown only now",
  flags: {
    allow: { takes: "<what>", oneOf: ALLOWS, help: `${ALLOWS.join(", ")} (choose)` },
    outcome: {
      takes: "<state>",
      oneOf: WRITABLE_STATES,
      help: "of --allow fixed: what the click does",
    },
    ...VALUE_FLAGS,
    data: { ...VALUE_FLAGS.data, help: "of --allow fixed: with which value" },
    "expires-in": { takes: "<duration>", help: "7d" },
    uses: { takes: "<n>", help: "how many decisions it is good for (1)" },
    audience: { takes: "<who>", help: "for whom; recorded with the decision" },
    note: { takes: "<text>", help: "shown on the page" },
    mapping: { takes: "<json|@file>", help: "of --allow callback: where the answer is" },
    scheme: {
      takes: "<scheme>",
      oneOf: SCHEMES,
      help: "of --allow callback: how the sender signs",
    },
    secret: { takes: "<secret>", many: true, help: "what the sender signs with" },
    verifier: { takes: "<json|@file>", help: "all of scheme, secrets, header, prefix, encoding" },
    quiet: { short: "q", help: "print the URL only" },
  },
  examples: [
    "links create orders/42/approval --audience ada@example.com --expires-in 2d",
    "links create payments/42 --allow callback --scheme stripe --secret whsec_...",
  ],
  run: createLink,
};

const list: Command = {
  name: "links list",
  takes: "<promise>",
  summary: "the links of a promise, those that are used, expired or revoked too",
  examples: ["links list orders/42/approval"],
  run: async (session) => {
    const { args, promises, calls, screen, json } = session;
    const links = await promises.links.list(args.word(0), calls);
    if (json) for (const link of links) printJson(session, link);
    else
      printTable(
        screen,
        [
          { title: "STANDING" },
          { title: "ALLOW" },
          { title: "USES" },
          { title: "AUDIENCE", shrinks: "middle" },
          { title: "ID" },
        ],
        links.map(rowOf),
      );
  },
};

const revoke: Command = {
  name: "links revoke",
  takes: "<link>",
  summary: "end a link, at once and for good",
  examples: ["links revoke lnk_..."],
  run: async ({ args, promises, calls, screen, json }) => {
    await promises.links.revoke(args.word(0), calls);
    if (!json) screen.note(`revoked ${harmless(args.word(0))}`);
  },
};

export const links: readonly Command[] = [create, list, revoke];

async function createLink(session: Session): Promise<void> {
  const { args, promises, calls, screen, json } = session;
  const [expiresIn, audience] = [args.text("expires-in"), args.text("audience")];
  const [allow, note, uses] = [args.choice("allow", ALLOWS), args.text("note"), args.whole("uses")];
  const [outcome, mapping, verifier] = [
    await outcomeOf(args),
    await structureOf(args, "mapping"),
    await verifierOf(args),
  ];
  const options: LinkOptions = {
    ...calls,
    ...(allow !== undefined && { allow }),
    ...(outcome !== undefined && { outcome }),
    ...(expiresIn !== undefined && { expiresIn }),
    ...(uses !== undefined && { uses }),
    ...(audience !== undefined && { audience }),
    ...(note !== undefined && { note }),
    ...(mapping !== undefined && { mapping }),
    ...(verifier !== undefined && { verifier }),
  };
  const link = await promises.links.create(args.word(0), options);
  if (args.is("quiet")) screen.print(link.url);
  else if (json) printJson(session, link);
  else printCard(session, [["url", link.url], ...fieldsOf(link)]);
}

async function outcomeOf(args: Session["args"]): Promise<LinkOptions["outcome"]> {
  const state = args.choice("outcome", WRITABLE_STATES);
  const data = await valueOf(args);
  if (state === undefined) {
    if (data !== undefined) throw new UsageError("--data goes with --outcome");
    return undefined;
  }
  return data === undefined ? { state } : { state, value: { data } };
}

async function verifierOf(args: Session["args"]): Promise<LinkOptions["verifier"]> {
  const scheme = args.choice("scheme", SCHEMES);
  const given = await structureOf(args, "verifier");
  const secrets = args.texts("secret");
  if (given !== undefined) {
    // SAFETY: the server checks it.
    if (scheme === undefined && secrets.length === 0) return given as LinkVerifier;
    throw new UsageError("give --verifier, or --scheme with --secret");
  }
  if (scheme === undefined && secrets.length === 0) return undefined;
  if (scheme === undefined || secrets.length === 0) {
    throw new UsageError("--scheme and --secret go together");
  }
  return { scheme, secrets };
}

function fieldsOf(link: Link): Field[] {
  const now = Date.now();
  return [
    ["id", link.id],
    ["promise", link.promise],
    ["allow", link.allow],
    ["outcome", link.outcome && JSON.stringify(link.outcome)],
    ["expires", instantText(link.expiresOn, now)],
    ["uses", `${link.uses} of ${link.usesMax}`],
    ["audience", link.audience],
    ["note", link.note],
  ];
}

function rowOf({ standing, allow, uses, usesMax, audience = "", id }: Link): string[] {
  return [standing, allow, `${uses}/${usesMax}`, harmless(audience), harmless(id)];
}
