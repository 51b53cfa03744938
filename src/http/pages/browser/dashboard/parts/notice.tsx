/** What stands where there is nothing to show: nothing yet, nothing at all, or a fault and a way on. */
import type { Child } from "hono/jsx/dom";
import { faultText } from "../format/fault.ts";
import { Icon, type IconName } from "./icon.tsx";

interface EmptyProps {
  icon: IconName;
  title: string;
  children?: Child;
}

export function Empty({ icon, title, children }: EmptyProps) {
  return (
    <div class="empty">
      <Icon name={icon} size={24} />
      <p class="empty-title">{title}</p>
      {children && <div class="quiet">{children}</div>}
    </div>
  );
}

export function Fault({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  return (
    <div class="fault" role="alert">
      <p>{faultText(error)}</p>
      {onRetry && (
        <button type="button" class="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Lines of no text, where text will be. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div class="skeleton" aria-hidden="true">
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} />
      ))}
    </div>
  );
}
