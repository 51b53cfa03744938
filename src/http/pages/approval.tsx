/**
 * The page that a link to a promise opens: what is asked, by whom, until when, and the form to
 * answer it; or how it ended. One model in, one document out, right without a script. Decides what
 * is shown in which state; knows no link, no token's meaning, no storage, and no clock but `now`.
 */
import { html } from "hono/html";
import type { Child } from "hono/jsx";
import type { Json } from "../../../client/src/protocol.ts";
import type { PromiseRecord } from "../../machine/promise.ts";
import type { FormSchema } from "../form-schema.ts";
import type { ValueFault } from "../form-value.ts";
import { ApprovalForm } from "./approval-form.tsx";
import { Ending } from "./approval-ending.tsx";
import { Deadline, Fact, VoteList, type Vote } from "./approval-facts.tsx";
import type { FormTexts } from "./form-data.ts";
import { Markdown } from "./markdown.tsx";
import { fill, WORDS, type Language } from "./texts.ts";

type PromiseState = PromiseRecord["state"];

/** How a promise can end; also what the two buttons send as `outcome`. */
export type ApprovalOutcome = Exclude<PromiseState, "pending">;

/** What a link lets its holder do. */
export type Choice =
  | { kind: "choose"; schema?: FormSchema; approveLabel?: string; rejectLabel?: string }
  | { kind: "fixed"; outcome: "resolved" | "rejected"; label: string }
  | { kind: "await" };

export interface ApprovalModel {
  language: Language;
  /** In ms since the epoch, like all that ends in `At`. */
  now: number;
  promise: {
    id: string;
    state: PromiseState;
    title?: string;
    /** Markdown. */
    description?: string;
    details?: { label: string; value: string }[];
    requestedBy?: string;
    deadlineAt?: number;
    settledAt?: number;
  };
  choice: Choice;
  /** Whom the link was made for, and what was written on it. */
  audience?: string;
  note?: string;
  votes?: Vote[];
  /** Approvals that it takes. */
  needed?: number;
  /** Why the reader may not vote: they asked, are not on the list, or nobody knows who they are. */
  excluded?: "requester" | "stranger" | "nobody";
  /** They have just tried to vote otherwise than they had. */
  votedBefore?: boolean;
  /** Absent: the defaults of the schema. */
  values?: FormTexts;
  reason?: string;
  errors?: ValueFault[];
  csrf: string;
  /** Where the form goes: the address of the page. */
  action: string;
  /** Server-Sent Events of the promise, while it is pending. */
  live?: string;
  /** The decision, or, while the promise is pending, the reader's own vote. */
  decided?: {
    at: number;
    outcome: ApprovalOutcome;
    by?: string;
    isYou?: boolean;
    value?: Json;
  };
}

/** What the page shows. */
export type View = "open" | "voted" | "excluded" | "waiting" | "decided" | "expired";

export function viewOf({ promise, choice, decided, excluded, now }: ApprovalModel): View {
  if (promise.state === "rejected_timedout") return "expired";
  if (promise.state !== "pending") return "decided";
  if (decided) return "voted";
  // An alarm may be late; nobody should type an answer that will come too late.
  if (promise.deadlineAt !== undefined && promise.deadlineAt <= now) return "expired";
  if (choice.kind === "await") return "waiting";
  return excluded ? "excluded" : "open";
}

/** The whole document, to be sent with `approvalHeaders()`. */
export function approvalPage(model: ApprovalModel): Promise<string> {
  const { language, promise, errors = [] } = model;
  const words = WORDS[language];
  const view = viewOf(model);
  const name = promise.title ?? promise.id;
  const said = view === "expired" ? words.rejected_timedout : words[promise.state];
  const title = view === "open" ? name : `${said}: ${name}`;
  const isPending = promise.state === "pending";
  return documentOf({
    language,
    title: errors.length > 0 ? fill(words.errorTitle, { title }) : title,
    tone: view === "decided" ? promise.state : view,
    ...(isPending && { now: model.now, live: model.live }),
    children: (
      <>
        <header>
          {view === "open" && <p class="kind">{words.request}</p>}
          <h1 dir="auto">{name}</h1>
        </header>
        {view !== "open" && <Ending model={model} view={view} />}
        <About model={model} isOpen={isPending && view !== "expired"} />
        {view === "open" && <ApprovalForm model={model} />}
        <footer>
          {view === "open" && <p>{words.personal}</p>}
          {promise.title !== undefined && (
            <p>
              {words.promise}: <code>{promise.id}</code>
            </p>
          )}
        </footer>
      </>
    ),
  });
}

/** For a link that is unknown, expired, used up or withdrawn: which of them is nobody's business. */
export function linkGonePage(language: Language): Promise<string> {
  const words = WORDS[language];
  return documentOf({
    language,
    title: words.goneHeading,
    tone: "gone",
    children: (
      <header>
        <h1>{words.goneHeading}</h1>
        <p>{words.goneText}</p>
      </header>
    ),
  });
}

function About({ model, isOpen }: { model: ApprovalModel; isOpen: boolean }) {
  const { language, promise, audience, note, votes = [], needed } = model;
  const words = WORDS[language];
  const { requestedBy, deadlineAt, description, details = [] } = promise;
  const facts = [
    requestedBy !== undefined && <Fact name={words.requestedBy}>{requestedBy}</Fact>,
    audience !== undefined && <Fact name={words.audience}>{audience}</Fact>,
    isOpen && deadlineAt !== undefined && <Deadline at={deadlineAt} language={language} />,
  ].filter((fact) => fact !== false);
  return (
    <>
      {facts.length > 0 && <dl class="facts">{facts}</dl>}
      {note !== undefined && (
        <p class="note" dir="auto">
          <span class="hidden">{words.note}: </span>
          {note}
        </p>
      )}
      {description !== undefined && <Markdown text={description} />}
      {details.length > 0 && (
        <section>
          <h2>{words.details}</h2>
          <dl class="details">
            {details.map(({ label, value }) => (
              <Fact name={label}>{value}</Fact>
            ))}
          </dl>
        </section>
      )}
      {(votes.length > 0 || needed !== undefined) && (
        <VoteList votes={votes} needed={needed} language={language} />
      )}
    </>
  );
}

interface Document {
  language: Language;
  title: string;
  tone: string;
  children: Child;
  now?: number;
  live?: string | undefined;
}

/** No request but to our own style and script; the icon is an empty one, so that none is asked for. */
async function documentOf({ language, title, tone, children, now, live }: Document) {
  const page = (
    <html lang={language}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <link rel="stylesheet" href="/assets/approval.css" />
        <link rel="icon" href="data:," />
        {now !== undefined && <script type="module" src="/assets/approval.js" />}
      </head>
      <body data-tone={tone}>
        <main data-now={now} data-live={live}>
          {children}
        </main>
      </body>
    </html>
  );
  return String(await html`<!doctype html>${page}`);
}
