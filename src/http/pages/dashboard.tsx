/**
 * What `/` and `/dashboard/…` are before their script has come: the frame, the way around, and a word
 * for who has no script. The same for everybody; whose session it is, the script finds out.
 */
import { Brand, Sections } from "./browser/dashboard/layout/nav.tsx";
import { placeOf, sectionOf } from "./browser/dashboard/places.ts";
import { dashboardDocument } from "./dashboard-document.tsx";

export function dashboardPage(url: string): Promise<Response> {
  const place = placeOf(new URL(url));
  return dashboardDocument({
    url,
    title: "Durable Promises",
    script: "dashboard.js",
    children: (
      <div id="app">
        <div class="frame">
          <aside class="side">
            <Brand />
            <Sections current={place && sectionOf(place)} />
          </aside>
          <main class="main" aria-busy="true">
            <noscript>
              <p class="notice">
                The dashboard needs JavaScript. The pages of promises and links do without, and the
                API is at <a href="/docs">/docs</a>.
              </p>
            </noscript>
          </main>
        </div>
      </div>
    ),
  });
}
