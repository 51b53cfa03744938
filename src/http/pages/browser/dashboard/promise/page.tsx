/** The page of one promise, live: what it is, what happened to it, and what can be done about it. */
import { useLayoutEffect, useMemo } from "hono/jsx/dom";
import type { PromiseRecord } from "../../../../../../client/src/protocol.ts";
import { Store, useStore } from "../live/store.ts";
import { Empty, Fault, Skeleton } from "../parts/notice.tsx";
import { AskedPanel } from "./asked.tsx";
import { Awaiters } from "./awaiters.tsx";
import { Deliveries } from "./deliveries.tsx";
import { Facts } from "./facts.tsx";
import { PromiseHead, Trail } from "./header.tsx";
import { LinksPanel } from "./links.tsx";
import { followRecord, type LiveRecord } from "./live-record.ts";
import { PayloadPanel } from "./payload.tsx";
import { ReceiptPanel } from "./receipt.tsx";
import { TimelinePanel } from "./timeline-panel.tsx";
import { TreePanel } from "./tree-panel.tsx";

export function PromisePage({ id }: { id: string }) {
  const store = useMemo(() => new Store<LiveRecord>({ status: "connecting" }), [id]);
  useLayoutEffect(() => followRecord(id, store), [store]);
  const live = useStore(store);
  return (
    <div class="page promise">
      <Trail id={id} />
      {live.status === "here" ? (
        <Here record={live.record} text={live.text} />
      ) : (
        <NotHere id={id} live={live} />
      )}
    </div>
  );
}

function Here({ record, text }: { record: PromiseRecord; text: string }) {
  const { id, form, state } = record;
  return (
    <>
      <PromiseHead record={record} />
      <div class="columns">
        <div class="wide-column">
          {form && <AskedPanel form={form} />}
          {state !== "PENDING" && (
            <PayloadPanel
              title={state === "RESOLVED" ? "Value" : "Reason"}
              text={text}
              field="value"
              payload={record.value}
            />
          )}
          <PayloadPanel title="Param" text={text} field="param" payload={record.param} />
          <TreePanel record={record} />
          <LinksPanel record={record} />
          <Deliveries record={record} />
        </div>
        <div class="narrow-column">
          <section class="panel">
            <h2>Facts</h2>
            <Facts record={record} />
          </section>
          <TimelinePanel record={record} />
          <Awaiters key={id} id={id} isPending={state === "PENDING"} />
          {state !== "PENDING" && <ReceiptPanel key={state} id={id} />}
        </div>
      </div>
    </>
  );
}

function NotHere({ id, live }: { id: string; live: Exclude<LiveRecord, { status: "here" }> }) {
  return (
    <>
      <header class="page-head">
        <h1 tabindex={-1} class="mono">
          {id}
        </h1>
      </header>
      {live.status === "connecting" && <Skeleton lines={6} />}
      {live.status === "absent" && (
        <Empty icon="pending" title="Nobody has created this promise">
          <p>This page shows it as soon as somebody does.</p>
        </Empty>
      )}
      {live.status === "gone" && (
        <Empty icon="trash" title="This promise was removed">
          <p>Its id is free again.</p>
        </Empty>
      )}
      {live.status === "refused" && <Fault error={live.error} />}
    </>
  );
}
