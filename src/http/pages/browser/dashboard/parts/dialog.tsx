/**
 * A dialog over the page: the browser's own, which keeps the focus inside, gives it back, and closes
 * by Escape. It is open for as long as it is there; who shows it takes it away in `onClose`.
 */
import { useId, useRef, type Child } from "hono/jsx/dom";
import { useAfterMount } from "../live/after-mount.ts";
import { Icon } from "./icon.tsx";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: Child;
  /** A broad one has room for an editor. */
  broad?: boolean;
}

export function Dialog({ title, onClose, children, broad = false }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useAfterMount(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      // What is taken away while it is open gives no focus back.
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      class={broad ? "dialog broad" : "dialog"}
      aria-labelledby={titleId}
      onCancel={(event: Event) => {
        event.preventDefault();
        onClose();
      }}
      onPointerDown={(event: PointerEvent) => {
        // Not a click: one that began inside, to select a text, may end out here.
        if (event.target === element.current) onClose();
      }}
    >
      <div class="dialog-card">
        <header class="dialog-head">
          <h2 id={titleId}>{title}</h2>
          <button type="button" class="button ghost square" aria-label="Close" onClick={onClose}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
