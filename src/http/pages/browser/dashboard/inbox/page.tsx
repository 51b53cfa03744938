/** The inbox: what is waiting, on whom, since when; searched, filtered, live. */
import { useLayoutEffect } from "hono/jsx/dom";
import { useStore } from "../live/store.ts";
import { Empty, Fault, Skeleton } from "../parts/notice.tsx";
import { addressOf, FILTERS } from "./filters.ts";
import { FilterTabs } from "./filter-tabs.tsx";
import { Grid } from "./grid.tsx";
import { inboxAt, keepCounting } from "./inbox-store.ts";
import { SearchBar } from "./search-bar.tsx";

export function InboxPage({ search }: { search: string }) {
  const address = addressOf(search);
  const inbox = inboxAt(address);
  useLayoutEffect(keepCounting, []);
  return (
    <div class="inbox">
      <header class="inbox-head">
        <h1 class="unseen">Inbox</h1>
        <FilterTabs address={address} />
        <SearchBar key={address.filter.key} address={address} inbox={inbox} />
      </header>
      <Listed key={inbox.key} inbox={inbox} />
    </div>
  );
}

function Listed({ inbox }: { inbox: ReturnType<typeof inboxAt> }) {
  const { status, rows, error } = useStore(inbox.list.state);
  if (status === "refused") {
    return (
      <div class="inbox-note">
        <Fault error={error} />
      </div>
    );
  }
  if (status === "connecting") {
    return (
      <div class="inbox-note">
        <Skeleton lines={8} />
      </div>
    );
  }
  if (rows.length === 0) return <Nothing inbox={inbox} />;
  return <Grid inbox={inbox} />;
}

function Nothing({ inbox: { address } }: { inbox: ReturnType<typeof inboxAt> }) {
  if (address.text !== "") {
    return (
      <Empty icon="search" title="Nothing found">
        <p>No promise here is like that.</p>
      </Empty>
    );
  }
  const isAll = address.filter === FILTERS.at(-1);
  return (
    <Empty icon="inbox" title={isAll ? "There are no promises yet" : "Nothing here"}>
      {isAll ? (
        <p>
          Make the first one:{" "}
          <code>
            curl -X PUT {location.origin}/promises/hello --json '{"{}"}'
          </code>
        </p>
      ) : (
        <p>What comes shows up here by itself.</p>
      )}
    </Empty>
  );
}
