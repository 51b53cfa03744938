/** The frame around every page: the way between the sections, who is signed in, and where help is. */
import type { Child } from "hono/jsx/dom";
import { isReachable } from "../api/fetch.ts";
import { session, signOut } from "../api/session.ts";
import { useStore } from "../live/store.ts";
import { Icon } from "../parts/icon.tsx";
import type { SectionName } from "../places.ts";
import { Brand, Sections } from "./nav.tsx";

interface FrameProps {
  section: SectionName;
  onHelp: () => void;
  children: Child;
}

export function Frame({ section, onHelp, children }: FrameProps) {
  return (
    <div class="frame">
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <aside class="side">
        <Brand />
        <Sections current={section} />
        <footer class="side-foot">
          <button type="button" class="section" onClick={onHelp}>
            <Icon name="keyboard" />
            <span>Shortcuts</span>
            <kbd>?</kbd>
          </button>
          <a class="section" href="/docs" target="_blank" rel="noreferrer">
            <Icon name="book" />
            <span>API</span>
          </a>
          <Who />
        </footer>
      </aside>
      <main class="main" id="main" tabindex={-1}>
        <Unreachable />
        {children}
      </main>
    </div>
  );
}

/** What is shown may be old: it is said, and it goes on by itself. */
function Unreachable() {
  return (
    <div class="unreachable" role="status">
      {!useStore(isReachable) && <p>The server cannot be reached. Trying again…</p>}
    </div>
  );
}

function Who() {
  const who = useStore(session);
  if (!who) return null;
  if (who.kind === "loopback") {
    return <p class="who quiet">Open to this machine only</p>;
  }
  const reach = who.prefixes.includes("*") ? "everything" : who.prefixes.join(", ");
  return (
    <div class="who">
      <p>
        <span class="who-name clip">{who.name}</span>
        <span class="quiet clip" title={`${who.scopes.join(", ")} on ${reach}`}>
          {who.scopes.join(", ")} on {reach}
        </span>
      </p>
      <button
        type="button"
        class="button ghost square"
        aria-label="Sign out"
        title="Sign out"
        onClick={() => void signOut()}
      >
        <Icon name="signOut" />
      </button>
    </div>
  );
}
