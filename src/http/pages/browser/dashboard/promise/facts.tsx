/** What there is to know of a promise besides its data, as pairs of a name and a value. */
import type { Child } from "hono/jsx/dom";
import { NEVER, type PromiseRecord } from "../../../../../../client/src/protocol.ts";
import { spanText, tookText } from "../format/time.ts";
import { withTerm } from "../inbox/query-text.ts";
import { CopyButton } from "../parts/copy.tsx";
import { Ago, Day, Left } from "../parts/time.tsx";

export function Facts({ record }: { record: PromiseRecord }) {
  const { createdOn, completedOn, timeout, retention, requestedBy, quorum, votes, tags } = record;
  const isPending = record.state === "PENDING";
  return (
    <dl class="facts">
      {isPending && (
        <Fact name="Deadline">
          <Left at={timeout} />
          {timeout !== NEVER && (
            <span class="quiet">
              <Day at={timeout} />
            </span>
          )}
        </Fact>
      )}
      {isPending && (
        <Fact name="Waiting since">
          <Ago at={createdOn} />
        </Fact>
      )}
      {completedOn !== undefined && (
        <Fact name="Settled">
          <Ago at={completedOn} />
          <span class="quiet">after {tookText(Math.max(0, completedOn - createdOn))}</span>
        </Fact>
      )}
      {requestedBy !== undefined && <Fact name="Asked by">{requestedBy}</Fact>}
      {quorum && (
        <Fact name="Approvals">
          {(votes ?? []).filter(({ approves }) => approves).length} of {quorum.approvals}
          <span class="quiet">
            {quorum.of} may vote{quorum.veto ? ", one refusal rejects it" : ""}
          </span>
        </Fact>
      )}
      {Object.keys(tags).length > 0 && (
        <Fact name="Tags">
          <TagList tags={tags} />
        </Fact>
      )}
      {retention !== undefined && <Fact name="Kept for">{spanText(retention)}</Fact>}
      {record.idempotencyKeyForCreate !== undefined && (
        <Fact name="Created with key">
          <code>{record.idempotencyKeyForCreate}</code>
        </Fact>
      )}
      <Fact name="URL">
        <span class="with-copy">
          <a href={record.url} target="_blank" rel="noreferrer" class="mono clip">
            {new URL(record.url).pathname}
          </a>
          <CopyButton text={record.url} what="the URL" />
        </span>
      </Fact>
    </dl>
  );
}

/** Each leads to all that have it too. */
function TagList({ tags }: { tags: Record<string, string> }) {
  return (
    <ul class="plain">
      {Object.entries(tags).map(([key, value]) => (
        <li key={key}>
          <span class="quiet">{key}</span>{" "}
          <a href={`/?filter=all&q=${encodeURIComponent(withTerm("", `tag:${key}=${value}`))}`}>
            {value}
          </a>
        </li>
      ))}
    </ul>
  );
}

export function Fact({ name, children }: { name: string; children: Child }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
