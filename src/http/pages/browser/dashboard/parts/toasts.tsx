/** Words about what has just been done, said aloud to screen readers, gone after a while. */
import { Store, useStore } from "../live/store.ts";
import { Icon } from "./icon.tsx";

interface Toast {
  number: number;
  text: string;
  tone: "good" | "bad";
  /** Where to see it. */
  link?: { href: string; text: string };
}

const SHOWN_MS = 6000;
/** More would hide what they speak of. */
const TOASTS_MAX = 3;

const toasts = new Store<readonly Toast[]>([]);
let lastNumber = 0;

export function say(text: string, tone: Toast["tone"] = "good", link?: Toast["link"]): void {
  const number = (lastNumber += 1);
  const toast = { number, text, tone, ...(link && { link }) };
  toasts.set([...toasts.value, toast].slice(-TOASTS_MAX));
  setTimeout(() => dismiss(number), SHOWN_MS);
}

function dismiss(number: number): void {
  toasts.set(toasts.value.filter((toast) => toast.number !== number));
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {useStore(toasts).map(({ number, text, tone, link }) => (
        <p class={`toast tone-${tone}`} key={number}>
          <Icon name={tone === "good" ? "resolved" : "rejected"} />
          <span>
            {text} {link && <a href={link.href}>{link.text}</a>}
          </span>
          <button
            type="button"
            class="button ghost square"
            aria-label="Dismiss"
            onClick={() => dismiss(number)}
          >
            <Icon name="close" size={14} />
          </button>
        </p>
      ))}
    </div>
  );
}
