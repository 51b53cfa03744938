/**
 * The inbox that is shown: its live list, and where the reader is in it. It outlives the page, so that
 * who comes back from a promise finds everything where it was; another search takes its place.
 */
import { Store } from "../live/store.ts";
import { Counting } from "./counts.ts";
import { hrefOf, ownFilters, queryOf, type InboxAddress } from "./filters.ts";
import { LiveList } from "./list.ts";

export interface ShownInbox {
  key: string;
  address: InboxAddress;
  list: LiveList;
  /** The id of the row that the keys act on. */
  active: Store<string | undefined>;
  /** Where that row was last: another may stand there now. */
  activeIndex: number;
  scrollTop: number;
  /** The first row in sight, which stays there whatever comes before it. */
  anchor: { id: string; index: number } | undefined;
}

let shown: ShownInbox | undefined;
let counting: Counting | undefined;

export function inboxAt(address: InboxAddress): ShownInbox {
  const key = hrefOf(address);
  if (shown?.key === key) return shown;
  shown?.list.close();
  const list = new LiveList(queryOf(address));
  shown = {
    key,
    address,
    list,
    active: new Store<string | undefined>(undefined),
    activeIndex: -1,
    scrollTop: 0,
    anchor: undefined,
  };
  return shown;
}

/** While the inbox is looked at. @returns how to stop */
export function keepCounting(): () => void {
  countAnew();
  const leave = ownFilters.subscribe(countAnew);
  return () => {
    leave();
    counting?.close();
    counting = undefined;
  };
}

function countAnew(): void {
  counting?.close();
  counting = new Counting(ownFilters.value);
}
