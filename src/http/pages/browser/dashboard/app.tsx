/** The dashboard as a whole: which page stands at which address, in the one frame. */
import { useLayoutEffect, useRef, useState } from "hono/jsx/dom";
import { ActivityPage } from "./activity/page.tsx";
import { GroupsPage } from "./groups/page.tsx";
import { InboxPage } from "./inbox/page.tsx";
import { Frame } from "./layout/frame.tsx";
import { Help } from "./layout/help.tsx";
import { followShortcuts } from "./layout/shortcuts.ts";
import { useAfterMount } from "./live/after-mount.ts";
import { route } from "./live/route.ts";
import { useStore } from "./live/store.ts";
import { Toasts } from "./parts/toasts.tsx";
import { SECTIONS, sectionOf, type Place } from "./places.ts";
import { PromisePage } from "./promise/page.tsx";
import { SchedulesPage } from "./schedules/page.tsx";
import { WebhooksPage } from "./webhooks/page.tsx";

export function App() {
  const place = useStore(route);
  const [isHelping, setHelping] = useState(false);
  useLayoutEffect(() => followShortcuts(() => setHelping(true)), []);
  useArrival(place);
  return (
    <>
      <Frame section={sectionOf(place)} onHelp={() => setHelping(true)}>
        <Page place={place} />
      </Frame>
      <Toasts />
      {isHelping && <Help onClose={() => setHelping(false)} />}
    </>
  );
}

function Page({ place }: { place: Place }) {
  switch (place.page) {
    case "inbox":
      return <InboxPage search={place.search} />;
    case "promise":
      return <PromisePage key={place.id} id={place.id} />;
    case "schedules":
      return <SchedulesPage search={place.search} />;
    case "groups":
      return <GroupsPage />;
    case "webhooks":
      return <WebhooksPage search={place.search} />;
    case "activity":
      return <ActivityPage />;
    default:
      return place satisfies never;
  }
}

/** Another page is announced by its title and begins at its heading, as a loaded one would. */
function useArrival(place: Place): void {
  const key = place.page === "promise" ? `promise ${place.id}` : place.page;
  const isFirst = useRef(true);
  useAfterMount(() => {
    document.title = `${titleOf(place)} · Durable Promises`;
    if (!isFirst.current) {
      const main = document.querySelector<HTMLElement>("#main");
      (main?.querySelector<HTMLElement>("[data-arrive], h1") ?? main)?.focus();
      main?.scrollTo(0, 0);
    }
    isFirst.current = false;
  }, [key]);
}

function titleOf(place: Place): string {
  if (place.page === "promise") return place.id;
  return SECTIONS.find(({ page }) => page === place.page)!.name;
}
