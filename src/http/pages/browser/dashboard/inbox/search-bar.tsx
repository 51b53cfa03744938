/**
 * The search box and the order of the list. What is typed goes to the address after a breath, so that
 * it can be passed on; what makes no sense is said below. `/` goes here from everywhere on the page.
 */
import { useLayoutEffect, useRef, useState } from "hono/jsx/dom";
import type { Sort } from "../../../../../../client/src/protocol.ts";
import { isCommand } from "../layout/shortcuts.ts";
import { go } from "../live/route.ts";
import { useStore } from "../live/store.ts";
import { Icon } from "../parts/icon.tsx";
import { hrefOf, ORDERS, sortOf, type InboxAddress } from "./filters.ts";
import type { ShownInbox } from "./inbox-store.ts";
import { parseQueryText } from "./query-text.ts";
import { SaveFilter } from "./save-filter.tsx";
import { SearchHelp } from "./search-help.tsx";

const BREATH_MS = 250;

interface SearchBar {
  address: InboxAddress;
  inbox: ShownInbox;
}

export function SearchBar({ address, inbox }: SearchBar) {
  const box = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const [isHelping, setHelping] = useState(false);
  const [typed, setTyped] = useState(address.text);
  const { faults } = parseQueryText(typed);
  useLayoutEffect(() => focusOnSlash(box), []);
  // Somebody went elsewhere, or back: the box says what is shown.
  useLayoutEffect(() => setTyped(address.text), [address.text]);

  function search(text: string, waitMs = BREATH_MS): void {
    setTyped(text);
    clearTimeout(timer.current ?? undefined);
    if (parseQueryText(text).faults.length > 0) return;
    timer.current = setTimeout(() => go(hrefOf({ ...address, text }), { replace: true }), waitMs);
  }

  return (
    <div class="search">
      <form
        class="search-box"
        role="search"
        onSubmit={(event: Event) => {
          event.preventDefault();
          search(typed, 0);
        }}
      >
        <Icon name="search" />
        <input
          ref={box}
          type="search"
          aria-label="Search promises"
          aria-describedby="search-faults"
          placeholder="Search ids, tags, words"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          value={typed}
          onInput={(event: Event) => search((event.target as HTMLInputElement).value)}
          onFocus={() => setHelping(true)}
          onKeyDown={(event: KeyboardEvent) => {
            if (event.key !== "Escape") return;
            // Browsers would empty the box: what was searched stays.
            event.preventDefault();
            setHelping(false);
            box.current?.blur();
            document.querySelector<HTMLElement>("[role=grid]")?.focus();
          }}
        />
        <kbd aria-hidden="true">/</kbd>
      </form>
      {isHelping && (
        <SearchHelp
          typed={typed}
          onType={(text) => {
            search(text);
            box.current?.focus();
          }}
          onLeave={() => setHelping(false)}
        />
      )}
      <div class="search-side">
        {address.text !== "" && <SaveFilter address={address} />}
        <Order address={address} />
        <LiveMark inbox={inbox} />
      </div>
      <p id="search-faults" class="search-faults" aria-live="polite">
        {faults.join(" ")}
      </p>
    </div>
  );
}

function Order({ address }: { address: InboxAddress }) {
  const current = address.sort ?? sortOf(address.filter.query);
  return (
    <label class="order">
      <span class="unseen">Order</span>
      <select
        value={current}
        onChange={(event: Event) => {
          const sort = (event.target as HTMLSelectElement).value as Sort;
          go(hrefOf({ ...address, sort }), { replace: true });
        }}
      >
        {ORDERS.map(({ sort, name }) => (
          <option key={sort} value={sort} selected={sort === current}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function LiveMark({ inbox }: { inbox: ShownInbox }) {
  const { status } = useStore(inbox.list.state);
  return status === "live" ? <span class="live">Live</span> : null;
}

function focusOnSlash(box: { current: HTMLInputElement | null }): () => void {
  function onKey(event: KeyboardEvent): void {
    if (event.key !== "/" || !isCommand(event)) return;
    event.preventDefault();
    box.current?.focus();
    box.current?.select();
  }
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}
