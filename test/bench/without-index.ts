/**
 * In place of src/object/indexing.ts, to measure what the index costs: an object that tells it nothing
 * and owes it nothing. Schedules are not listed in such a server.
 */
export class Indexing {
  readonly isBegun = true;
  readonly dueAt = null;

  note(): void {}

  push(): void {}

  async tell(): Promise<void> {}
}

export async function putEntry(): Promise<void> {}
