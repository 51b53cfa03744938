/**
 * The way between the sections. Drawn by the server first, so that the page is not empty before its
 * script has come, and by the browser after.
 */
import { Icon } from "../parts/icon.tsx";
import { SECTIONS, type SectionName } from "../places.ts";

export function Brand() {
  return (
    <a class="brand" href="/">
      <svg class="mark" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
        <rect x="1" y="1" width="18" height="18" rx="5.5" />
        <path d="M6 10.3 8.8 13 14 7" />
      </svg>
      <span>Durable Promises</span>
    </a>
  );
}

export function Sections({ current }: { current: SectionName | undefined }) {
  return (
    <nav class="sections" aria-label="Sections">
      {SECTIONS.map(({ page, path, name, icon }) => (
        <a key={page} class="section" href={path} aria-current={page === current ? "page" : false}>
          <Icon name={icon} />
          <span>{name}</span>
        </a>
      ))}
    </nav>
  );
}
