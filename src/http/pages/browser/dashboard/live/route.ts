/**
 * Where we are: the address of the page as a store, and going elsewhere without loading a new one.
 * A link stays a link: what is not the dashboard's own, or is opened beside, is the browser's matter.
 */
import { placeOf, type Place } from "../places.ts";
import { Store } from "./store.ts";

export const route = new Store<Place>(here());

/** @param replace for an address that is only refined, so that "back" leaves it */
export function go(href: string, { replace = false } = {}): void {
  const url = new URL(href, location.href);
  if (url.origin !== location.origin || !placeOf(url)) {
    location.assign(url);
    return;
  }
  if (url.href === location.href) return;
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  route.set(here());
}

export function followLinks(): void {
  addEventListener("popstate", () => route.set(here()));
  document.addEventListener("click", (event) => {
    const isPlain =
      event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!isPlain || event.defaultPrevented || !(event.target instanceof Element)) return;
    const link = event.target.closest("a");
    if (!link || link.target || link.hasAttribute("download")) return;
    const url = new URL(link.href, location.href);
    if (url.origin !== location.origin || !placeOf(url)) return;
    event.preventDefault();
    go(url.href);
  });
}

function here(): Place {
  return placeOf(location) ?? { page: "inbox", search: "" };
}
