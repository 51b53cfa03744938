/** The filters as links, each with how many it finds; behind them those that somebody keeps here. */
import { useStore } from "../live/store.ts";
import { Icon } from "../parts/icon.tsx";
import { counts, ownKey } from "./counts.ts";
import {
  dropFilter,
  FILTERS,
  hrefOf,
  ownFilters,
  type InboxAddress,
  type OwnFilter,
} from "./filters.ts";

export function FilterTabs({ address }: { address: InboxAddress }) {
  const known = useStore(counts);
  const own = useStore(ownFilters);
  const href = hrefOf(address);
  const isOwn = own.some((filter) => hrefOfOwn(filter) === href);
  return (
    <nav class="tabs" aria-label="Filters">
      {FILTERS.map((filter) => {
        const { key, name } = filter;
        const isCurrent = filter === address.filter && !isOwn;
        return (
          <a
            key={key}
            class="tab"
            href={hrefOf({ filter, text: "", sort: undefined })}
            aria-current={isCurrent ? "page" : false}
          >
            {name} <Count value={known[key]} />
          </a>
        );
      })}
      {own.map((filter) => {
        const target = hrefOfOwn(filter);
        return (
          <span class="tab-own" key={filter.name}>
            <a class="tab" href={target} aria-current={target === href ? "page" : false}>
              {filter.name} <Count value={known[ownKey(filter)]} />
            </a>
            {target === href && (
              <button
                type="button"
                class="button ghost square"
                aria-label={`Remove the filter ${filter.name}`}
                title="Remove this filter"
                onClick={() => dropFilter(filter.name)}
              >
                <Icon name="close" size={12} />
              </button>
            )}
          </span>
        );
      })}
    </nav>
  );
}

function Count({ value }: { value: number | undefined }) {
  return <span class="count">{value === undefined ? "" : value.toLocaleString()}</span>;
}

function hrefOfOwn({ text, base }: OwnFilter): string {
  const filter = FILTERS.find(({ key }) => key === base) ?? FILTERS.at(-1)!;
  return hrefOf({ filter, text, sort: undefined });
}
