/**
 * A table that reads well on a phone, where each row is a block and each cell says what it is. The roles
 * are written down because browsers take them from a table that is laid out otherwise.
 */
import type { Child } from "hono/jsx/dom";

export interface Column<T> {
  head: string;
  /** The first column names the row. */
  cell: (item: T) => Child;
  /** To the right, with digits below each other. */
  isNumber?: boolean;
  /** A column of buttons: its head is for screen readers. */
  isUnnamed?: boolean;
}

interface DataTable<T> {
  label: string;
  columns: Column<T>[];
  items: readonly T[];
  keyOf: (item: T) => string;
  isChosen?: (item: T) => boolean;
}

export function DataTable<T>({ label, columns, items, keyOf, isChosen }: DataTable<T>) {
  return (
    <div class="table-wrap" tabindex={0} role="region" aria-label={label}>
      <table class="table stacks" role="table">
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ head, isNumber, isUnnamed }) => (
              <th key={head} role="columnheader" scope="col" class={isNumber ? "num" : undefined}>
                {isUnnamed ? <span class="unseen">{head}</span> : head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {items.map((item) => (
            <tr key={keyOf(item)} role="row" class={isChosen?.(item) ? "chosen" : undefined}>
              {columns.map((column, index) => (
                <Cell key={column.head} column={column} item={item} isName={index === 0} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface Cell<T> {
  column: Column<T>;
  item: T;
  isName: boolean;
}

function Cell<T>({ column: { head, cell, isNumber, isUnnamed }, item, isName }: Cell<T>) {
  if (isName) {
    return (
      <th role="rowheader" scope="row">
        {cell(item)}
      </th>
    );
  }
  return (
    <td role="cell" class={isNumber ? "num" : undefined} data-label={isUnnamed ? undefined : head}>
      {cell(item)}
    </td>
  );
}
