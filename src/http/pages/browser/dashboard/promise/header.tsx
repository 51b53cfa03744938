/** The head of a promise's page: the way to it, its name, how it stands, and what can be done. */
import { useState } from "hono/jsx/dom";
import { NEVER, type PromiseRecord } from "../../../../../../client/src/protocol.ts";
import { may, session } from "../api/session.ts";
import { useStore } from "../live/store.ts";
import { CopyButton } from "../parts/copy.tsx";
import { Icon } from "../parts/icon.tsx";
import { StateBadge } from "../parts/state.tsx";
import { ExtendDialog } from "./extend-dialog.tsx";
import type { Verb } from "./outcome.ts";
import { SettleDialog } from "./settle-dialog.tsx";

export function Trail({ id }: { id: string }) {
  const parts = id.split("/").slice(0, -1);
  return (
    <nav class="trail" aria-label="Where it is">
      <a href="/">Inbox</a>
      {parts.map((part, index) => {
        const beginning = parts.slice(0, index + 1).join("/");
        const query = `id:${beginning.includes(" ") ? `"${beginning}/*"` : `${beginning}/*`}`;
        return (
          <span key={beginning}>
            <Icon name="chevron" size={12} />
            <a href={`/?filter=all&q=${encodeURIComponent(query)}`}>{part || "/"}</a>
          </span>
        );
      })}
    </nav>
  );
}

export function PromiseHead({ record }: { record: PromiseRecord }) {
  const [open, setOpen] = useState<Verb | "extend" | undefined>(undefined);
  const who = useStore(session);
  const isOpen = record.state === "PENDING" && may(who, "settle");
  const name = record.form?.title;
  const close = () => setOpen(undefined);
  return (
    <header class="page-head promise-head">
      <div class="page-title">
        <h1 tabindex={-1} class={name === undefined ? "mono" : undefined} dir="auto">
          {name ?? record.id}
        </h1>
        <p class="promise-line">
          <StateBadge state={record.state} />
          {name !== undefined && <code class="clip">{record.id}</code>}
          <CopyButton text={record.id} what="the id" />
        </p>
      </div>
      {isOpen && (
        <div class="actions">
          <button type="button" class="button primary" onClick={() => setOpen("resolve")}>
            <Icon name="check" /> Resolve
          </button>
          <button type="button" class="button" onClick={() => setOpen("reject")}>
            <Icon name="close" /> Reject
          </button>
          <button type="button" class="button" onClick={() => setOpen("cancel")}>
            <Icon name="canceled" /> Cancel
          </button>
          {record.timeout !== NEVER && (
            <button type="button" class="button" onClick={() => setOpen("extend")}>
              <Icon name="extend" /> Extend
            </button>
          )}
        </div>
      )}
      {open === "extend" && <ExtendDialog record={record} onClose={close} />}
      {open !== undefined && open !== "extend" && (
        <SettleDialog key={open} verb={open} record={record} onClose={close} />
      )}
    </header>
  );
}
