/**
 * The places of the dashboard and their addresses, both ways. Shared with the server, which draws the
 * frame around them: so no browser and no component is known here.
 */
import type { IconName } from "./parts/icon.tsx";

export type Place =
  | { page: "inbox"; search: string }
  | { page: "promise"; id: string }
  | { page: Exclude<SectionName, "inbox">; search: string };

export type SectionName = (typeof SECTIONS)[number]["page"];

export const SECTIONS = [
  { page: "inbox", path: "/", name: "Inbox", icon: "inbox" },
  { page: "schedules", path: "/dashboard/schedules", name: "Schedules", icon: "clock" },
  { page: "groups", path: "/dashboard/groups", name: "Workers", icon: "workers" },
  { page: "webhooks", path: "/dashboard/webhooks", name: "Webhooks", icon: "webhook" },
  { page: "activity", path: "/dashboard/activity", name: "Activity", icon: "activity" },
] as const satisfies readonly { page: string; path: string; name: string; icon: IconName }[];

export const SIGN_IN = "/dashboard/sign-in";
const PROMISES = "/dashboard/promises/";

/** @returns `undefined` for an address that is none of the dashboard's own */
export function placeOf({ pathname, search }: Pick<URL, "pathname" | "search">): Place | undefined {
  if (pathname.startsWith(PROMISES)) {
    const id = decoded(pathname.slice(PROMISES.length));
    return id === undefined || id === "" ? undefined : { page: "promise", id };
  }
  const section = SECTIONS.find(({ path }) => path === pathname);
  return section && { page: section.page, search };
}

/** Slashes stay, so that an id reads like a path. */
export function promiseHref(id: string): string {
  return PROMISES + encodeURIComponent(id).replaceAll("%2F", "/");
}

export function sectionOf({ page }: Place): SectionName {
  return page === "promise" ? "inbox" : page;
}

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
