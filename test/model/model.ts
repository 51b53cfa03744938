// A durable promise as a log of claims, written from RULES.md section 1 and the classic table,
// never from the machine. It keeps no state word: whoever asks to settle leaves a claim with its
// instant, the deadline is a claim that was always there, and the earliest claim is the winner.
// What anybody sees is read off that log. It imports nothing and refuses to know what is stored,
// written or projected.

type Settlement = "resolved" | "rejected" | "rejected_canceled" | "rejected_timedout";

interface Content {
  headers?: Record<string, string>;
  data?: string;
}

/** What the creator fixes, for good. */
export interface Terms {
  birth: string;
  param: Content;
  tags: Record<string, string>;
  timeoutAt: number;
  onTimeout?: { state: Settlement; value: Content };
  retentionMs?: number;
  idempotencyKeyForCreate?: string;
}

/** What a reader sees of a promise: one shape for the model and for the machine under test. */
export interface View extends Terms {
  id: string;
  state: "pending" | Settlement;
  createdAt: number;
  value?: Content;
  settledAt?: number;
  idempotencyKeyForComplete?: string;
}

export interface Wish {
  claim: Omit<Claim, "at">;
  strict: boolean;
  /** Example surface: the terms under which a missing id turns out to have always existed. */
  ifMissing?: Terms;
}

export interface Answer {
  outcome: string;
  /** What the answer shows; null when there is nothing under the id. */
  view: View | null;
}

interface Claim {
  at: number;
  state: Settlement;
  value: Content;
  key?: string;
}

interface Life {
  terms: Terms;
  createdAt: number;
  deadline: Claim;
  /** Every wish to settle in the order of arrival, the hopeless ones too. */
  wishes: Claim[];
  /** Whether the deadline's settlement was announced: by a wake, at birth, or to who came too late. */
  announced: boolean;
}

export class Model {
  readonly #lives = new Map<string, Life>();

  look(id: string, now: number): View | null {
    const life = this.#lives.get(id);
    return life === undefined ? null : viewOf(id, life, now);
  }

  create(id: string, terms: Terms, strict: boolean, now: number): Answer {
    const life = this.#lives.get(id);
    if (life === undefined) {
      this.#lives.set(id, born(terms, now));
      return { outcome: "created", view: this.look(id, now) };
    }
    const view = viewOf(id, life, now);
    announceDeadline(life, now);
    const same = sameKey(terms.idempotencyKeyForCreate, life.terms.idempotencyKeyForCreate);
    return { outcome: same && (!strict || view.state === "pending") ? "repeated" : "exists", view };
  }

  settle(id: string, wish: Wish, now: number): Answer {
    if (!this.#lives.has(id) && wish.ifMissing !== undefined) {
      this.#lives.set(id, born(wish.ifMissing, now));
    }
    const life = this.#lives.get(id);
    if (life === undefined) return { outcome: "absent", view: null };

    const mine = { at: now, ...wish.claim };
    life.wishes.push(mine);
    announceDeadline(life, now);
    const outcome = verdict(mine, wish.strict, winner(life, now));
    return { outcome, view: viewOf(id, life, now) };
  }

  /** The deadline is a claim like any other: while nothing has won, it may be made later. */
  extend(id: string, timeoutAt: number, now: number): Answer {
    const life = this.#lives.get(id);
    if (life === undefined) return { outcome: "absent", view: null };
    announceDeadline(life, now);
    const isOver = winner(life, now) !== undefined;
    const outcome = isOver ? "lost" : extension(life.terms.timeoutAt, timeoutAt);
    if (outcome === "extended") {
      life.terms = { ...life.terms, timeoutAt };
      life.deadline = { ...life.deadline, at: timeoutAt };
    }
    return { outcome, view: viewOf(id, life, now) };
  }

  purge(id: string, now: number): Answer {
    const view = this.look(id, now);
    if (view === null) return { outcome: "absent", view };
    if (view.state === "pending") return { outcome: "pending", view };
    this.#lives.delete(id);
    return { outcome: "purged", view };
  }

  /** Example surface: an id that nobody created has waiters all the same, so it can be disposed. */
  dispose(id: string, now: number): Answer {
    const view = this.look(id, now);
    this.#lives.delete(id);
    return { outcome: "disposed", view };
  }

  /** An alarm rings: all that time may do beyond the deadline's own claim is to forget. */
  wake(id: string, now: number): Answer {
    const life = this.#lives.get(id);
    if (life === undefined) return { outcome: "unchanged", view: null };
    const view = viewOf(id, life, now);
    const won = winner(life, now);
    if (won === undefined) return { outcome: "unchanged", view };
    if (now - won.at >= (life.terms.retentionMs ?? Infinity)) {
      this.#lives.delete(id);
      return { outcome: "purged", view };
    }
    const news = won === life.deadline && !life.announced;
    if (news) life.announced = true;
    return { outcome: news ? "settled" : "unchanged", view };
  }
}

function born(terms: Terms, now: number): Life {
  const isTimer = ["resonate:timer", "resonate:timeout"].some((tag) => terms.tags[tag] === "true");
  const byDefault = { state: isTimer ? "resolved" : "rejected_timedout", value: {} } as const;
  return {
    terms,
    createdAt: Math.min(now, terms.timeoutAt),
    deadline: { at: terms.timeoutAt, ...(terms.onTimeout ?? byDefault) },
    wishes: [],
    announced: terms.timeoutAt <= now,
  };
}

/** Who asks for a change hears that the deadline won: from then on it has, whatever clocks do. */
function announceDeadline(life: Life, now: number): void {
  if (winner(life, now) === life.deadline) life.announced = true;
}

/** The earliest claim; the deadline stands first, so that it wins the millisecond it shares. */
function winner(life: Life, now: number): Claim | undefined {
  let first: Claim | undefined;
  for (const claim of [life.deadline, ...life.wishes]) {
    if (claim.at <= now && (first === undefined || claim.at < first.at)) first = claim;
  }
  return first;
}

function verdict(mine: Claim, strict: boolean, first: Claim | undefined): string {
  if (first === undefined || first === mine) return "settled";
  if (sameKey(mine.key, first.key) && (!strict || mine.state === first.state)) return "repeated";
  // A timer that resolved answers as any resolved promise does (classic rules, `timeoutTag`).
  return first.state === "rejected_timedout" && !strict ? "late" : "lost";
}

function extension(from: number, to: number): string {
  if (from === to) return "repeated";
  if (from === Number.MAX_SAFE_INTEGER) return "endless";
  return to < from ? "earlier" : "extended";
}

function viewOf(id: string, life: Life, now: number): View {
  const { terms, createdAt } = life;
  const first = winner(life, now);
  if (first === undefined) return { id, ...terms, createdAt, state: "pending" };
  const { state, value, at, key } = first;
  const keyed = key === undefined ? {} : { idempotencyKeyForComplete: key };
  return { id, ...terms, createdAt, state, value, settledAt: at, ...keyed };
}

/** No key never matches, not even another missing one. The empty string is a key like any other. */
function sameKey(given: string | undefined, kept: string | undefined): boolean {
  return given !== undefined && given === kept;
}
