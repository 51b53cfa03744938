/** As much of React as these tests use, beside what client/src/react-modules.d.ts has. */
declare module "react" {
  export type Element = { readonly type: unknown };
  export const StrictMode: unique symbol;
  export function createElement(
    type: unknown,
    props?: object | null,
    ...children: unknown[]
  ): Element;
  export function useState<T>(initial: T): [T, (value: T) => void];
  export class Component<Props = object, State = object> {
    readonly props: Props;
    state: State;
    constructor(props: Props);
    setState(state: State): void;
  }
}

declare module "react-dom/client" {
  import type { Element } from "react";
  export function createRoot(container: unknown): {
    render(element: Element): void;
    unmount(): void;
  };
}

declare module "react-dom/server" {
  import type { Element } from "react";
  export function renderToString(element: Element): string;
}
