// The awaited promises of the random walk, as their own objects would keep them: each is born, gets a
// row for our awaiter, settles, owes it a resume until that is acknowledged, and is one day purged and
// made anew. It refuses to know the awaiter.

import type { Awaited } from "../../src/machine/task-command.ts";
import type { Random } from "../model/seeded.ts";

interface Other {
  life: number;
  settled: boolean;
  /** "Tell it when you settle." */
  row: boolean;
}

export class Others {
  readonly #random: Random;
  readonly #byId = new Map<string, Other>(
    ["a", "b", "c"].map((id) => [id, { life: 1, settled: false, row: false }]),
  );
  /** Resumes under way, and copies of acknowledged ones that may still come late. */
  #owed: Awaited[] = [];
  #copies: Awaited[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  live(): void {
    for (const [id, other] of this.#byId) {
      if (!this.#random.chance(0.05)) continue;
      if (!other.settled) {
        other.settled = true;
        if (other.row) this.#owed.push({ id, birth: birthOf(id, other) });
      } else if (!this.#owed.some((owed) => owed.id === id)) {
        // Purged, with no row left, and made again.
        this.#byId.set(id, { life: other.life + 1, settled: false, row: false });
      }
    }
  }

  /** Asks them; those that are pending keep a row, whatever becomes of the command. */
  register(ids: string[]): { awaited: Awaited[]; settled: boolean } {
    const awaited: Awaited[] = [];
    let settled = false;
    for (const id of ids) {
      const other = this.#byId.get(id);
      if (other?.settled) settled = true;
      else if (other) other.row = true;
      awaited.push({ id, birth: other ? birthOf(id, other) : "self" });
    }
    return { awaited, settled };
  }

  /** A resume arrives: one that is owed, mostly acknowledged with it, or a late copy of another. */
  send(): Awaited {
    const { chance, pick } = this.#random;
    const owed = this.#owed.length > 0 && chance(0.6) ? pick(this.#owed) : undefined;
    if (owed && chance(0.7)) {
      this.#owed = this.#owed.filter((other) => other !== owed);
      this.#copies = [owed, ...this.#copies].slice(0, 6);
    }
    return owed ?? (this.#copies.length > 0 ? pick(this.#copies) : { id: "b", birth: "b1" });
  }

  /** Whether a resume from this life of it is still to come. */
  canResume(id: string, birth: string): boolean {
    const other = this.#byId.get(id);
    const isOwed = this.#owed.some((owed) => owed.id === id && owed.birth === birth);
    return isOwed || (other?.row === true && !other.settled && birthOf(id, other) === birth);
  }
}

function birthOf(id: string, { life }: Other): string {
  return `${id}${life}`;
}
