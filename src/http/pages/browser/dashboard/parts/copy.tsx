/** A button that puts a text on the clipboard and says so. */
import { Icon } from "./icon.tsx";
import { say } from "./toasts.tsx";

interface Copy {
  text: string;
  /** What it is, for the button's name: "Copy the id". */
  what: string;
}

export function CopyButton({ text, what }: Copy) {
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      say(`Copied ${what}.`);
    } catch {
      // Over plain HTTP, or refused by its owner.
      say("The browser does not let us use the clipboard.", "bad");
    }
  }
  return (
    <button
      type="button"
      class="button ghost square"
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
      onClick={() => void copy()}
    >
      <Icon name="copy" size={14} />
    </button>
  );
}
