/** Keeps what is searched under a name, in this browser, beside the filters that everybody has. */
import { useState } from "hono/jsx/dom";
import { textOf } from "../format/form-text.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Icon } from "../parts/icon.tsx";
import { say } from "../parts/toasts.tsx";
import { keepFilter, type InboxAddress } from "./filters.ts";

export function SaveFilter({ address }: { address: InboxAddress }) {
  const [isOpen, setOpen] = useState(false);
  const [fault, setFault] = useState<string | undefined>(undefined);
  const { text, filter } = address;

  function submit(event: Event): void {
    event.preventDefault();
    const refused = keepFilter({ name: textOf(event, "name"), text, base: filter.key });
    setFault(refused);
    if (refused !== undefined) return;
    setOpen(false);
    say("The filter is kept in this browser.");
  }

  return (
    <>
      <button type="button" class="button small" onClick={() => setOpen(true)}>
        <Icon name="star" size={14} /> Keep filter
      </button>
      {isOpen && (
        <Dialog title="Keep this filter" onClose={() => setOpen(false)}>
          <form class="dialog-body" onSubmit={submit}>
            <p class="quiet">
              {filter.name}: <code>{text}</code>
            </p>
            <label class="field">
              <span>Name</span>
              <input type="text" name="name" required maxlength={40} autofocus />
            </label>
            <div aria-live="polite">
              {fault !== undefined && <p class="field-fault">{fault}</p>}
            </div>
            <footer class="dialog-foot">
              <button type="button" class="button" onClick={() => setOpen(false)}>
                Never mind
              </button>
              <button type="submit" class="button primary">
                Keep it
              </button>
            </footer>
          </form>
        </Dialog>
      )}
    </>
  );
}
