/** The links to a promise: who may decide by one, how it stands, revoking one, and making another. */
import { useState } from "hono/jsx/dom";
import type { Link } from "../../../../../../client/src/links.ts";
import type { PromiseRecord } from "../../../../../../client/src/protocol.ts";
import { promises } from "../api/promises.ts";
import { may, session } from "../api/session.ts";
import { faultText } from "../format/fault.ts";
import { useLoad } from "../live/load.ts";
import { useStore } from "../live/store.ts";
import { Icon } from "../parts/icon.tsx";
import { Fault } from "../parts/notice.tsx";
import { Ago, Left } from "../parts/time.tsx";
import { say } from "../parts/toasts.tsx";
import { LinkDialog } from "./link-dialog.tsx";

const KINDS = {
  choose: "Decide",
  fixed: "One click",
  await: "Look",
  callback: "Callback",
} as const;
const STANDINGS = { good: "Good", used: "Used", expired: "Expired", revoked: "Revoked" } as const;

export function LinksPanel({ record }: { record: PromiseRecord }) {
  const { id, state } = record;
  const isAllowed = may(useStore(session), "settle");
  const [isOpen, setOpen] = useState(false);
  const { data, error, reload } = useLoad(
    (signal) => (isAllowed ? promises.links.list(id, { signal }) : Promise.resolve([])),
    [id, state, isAllowed],
  );
  if (!isAllowed || (state !== "PENDING" && !data?.length && error === undefined)) return null;
  return (
    <section class="panel">
      <header class="panel-head">
        <h2>Links</h2>
        {state === "PENDING" && (
          <button type="button" class="button small" onClick={() => setOpen(true)}>
            <Icon name="plus" size={14} /> New link
          </button>
        )}
      </header>
      {error !== undefined && <Fault error={error} onRetry={reload} />}
      {data?.length === 0 && <p class="quiet">Nobody has a link to it.</p>}
      {data && data.length > 0 && <LinkRows links={data} onChange={reload} />}
      {isOpen && (
        <LinkDialog
          id={id}
          onClose={() => {
            setOpen(false);
            reload();
          }}
        />
      )}
    </section>
  );
}

function LinkRows({ links, onChange }: { links: Link[]; onChange: () => void }) {
  async function revoke(link: Link): Promise<void> {
    try {
      await promises.links.revoke(link.id);
      say("The link was revoked.");
    } catch (error) {
      say(faultText(error), "bad");
    }
    onChange();
  }
  return (
    <ul class="rows">
      {links.map((link) => (
        <li key={link.id} class="row-item">
          <div class="row-main">
            <span class="row-name" dir="auto">
              {link.audience ?? "Whoever has it"}
            </span>
            <span class="quiet">
              {KINDS[link.allow]}
              {link.note !== undefined && `, “${link.note}”`}
            </span>
          </div>
          <div class="row-side">
            <span class={`badge ${link.standing === "good" ? "tone-good" : "tone-quiet"}`}>
              {STANDINGS[link.standing]}
            </span>
            <span class="quiet">
              {link.standing === "good" ? (
                <>
                  ends <Left at={link.expiresOn} />
                </>
              ) : (
                <>
                  made <Ago at={link.createdOn} />
                </>
              )}
            </span>
            {link.standing === "good" && (
              <button type="button" class="button small" onClick={() => void revoke(link)}>
                Revoke
              </button>
            )}
          </div>
        </li>
      ))}
    </ul>
  );
}
