/**
 * What a simulated object has left after a crash: a storage of kv rows and one alarm. As much of the
 * runtime's storage as a promise object uses; whatever else it should ask for is missing, and fails.
 */
export class Disk {
  readonly rows = new Map<string, unknown>();
  alarmAt: number | null = null;

  get storage(): DurableObjectStorage {
    const { rows } = this;
    const kv = {
      get: (key: string) => structuredClone(rows.get(key)),
      put: (key: string, value: unknown) => void rows.set(key, structuredClone(value)),
      delete: (key: string) => rows.delete(key),
      list: ({ prefix = "" } = {}) =>
        [...rows]
          .filter(([key]) => key.startsWith(prefix))
          .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    };
    const storage = {
      kv,
      getAlarm: async () => this.alarmAt,
      setAlarm: async (at: number) => void (this.alarmAt = at),
      deleteAll: async () => {
        rows.clear();
        this.alarmAt = null;
      },
    };
    // SAFETY: what a promise object asks of its storage is here; the rest would be undefined.
    return storage as unknown as DurableObjectStorage;
  }
}
