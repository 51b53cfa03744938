/** What the search box understands, below it while somebody types; each term can be taken from here. */
import { useLayoutEffect, useRef } from "hono/jsx/dom";
import { TERMS, withTerm } from "./query-text.ts";

interface SearchHelp {
  typed: string;
  onType: (text: string) => void;
  onLeave: () => void;
}

export function SearchHelp({ typed, onType, onLeave }: SearchHelp) {
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    function onElsewhere(event: Event): void {
      const search = element.current?.closest(".search");
      if (event.target instanceof Node && !search?.contains(event.target)) onLeave();
    }
    document.addEventListener("pointerdown", onElsewhere);
    document.addEventListener("focusin", onElsewhere);
    return () => {
      document.removeEventListener("pointerdown", onElsewhere);
      document.removeEventListener("focusin", onElsewhere);
    };
  }, []);
  return (
    <div class="search-help" ref={element}>
      {TERMS.map(({ term, example, does }) => (
        <button
          key={term}
          type="button"
          class="search-term"
          onClick={() => onType(withTerm(typed, term))}
        >
          <code>{example}</code>
          <span class="quiet">{does}</span>
        </button>
      ))}
    </div>
  );
}
