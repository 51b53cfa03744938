/** A question before something that cannot be undone; the button says what it does. */
import { useState, type Child } from "hono/jsx/dom";
import { faultText } from "../format/fault.ts";
import { Dialog } from "./dialog.tsx";

interface Confirm {
  title: string;
  children: Child;
  /** What the button says. */
  action: string;
  isDangerous?: boolean;
  /** Closes when it is done; what it throws is shown. */
  act: () => Promise<void>;
  onClose: () => void;
}

export function Confirm({ title, children, action, isDangerous, act, onClose }: Confirm) {
  const [fault, setFault] = useState<string | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    setBusy(true);
    try {
      await act();
      onClose();
    } catch (error) {
      setFault(faultText(error));
      setBusy(false);
    }
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form class="dialog-body" onSubmit={(event: Event) => void submit(event)}>
        {children}
        <div aria-live="polite">{fault !== undefined && <p class="field-fault">{fault}</p>}</div>
        <footer class="dialog-foot">
          <button type="button" class="button" autofocus onClick={onClose}>
            Leave it
          </button>
          <button
            type="submit"
            class={`button ${isDangerous ? "danger" : "primary"}`}
            disabled={isBusy}
          >
            {action}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
