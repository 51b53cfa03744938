/**
 * As much of React as `react.ts` uses. Its own types would be a dependency, and only for us: what this
 * package exports mentions none of them.
 */
declare module "react" {
  export function useMemo<T>(make: () => T, dependencies: readonly unknown[]): T;
  export function useSyncExternalStore<T>(
    subscribe: (onChange: () => void) => () => void,
    getSnapshot: () => T,
    getServerSnapshot: () => T,
  ): T;
}
