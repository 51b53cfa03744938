/**
 * Decisions by several: who has voted, and what the votes come to. A promise with a quorum is settled
 * by the vote that reaches the count, or by the one after which it cannot be reached any more.
 *
 * It refuses to know who somebody is: a voter is a name that the edge has verified.
 */

/** @example { approvals: 2, of: 3, veto: false, excludeRequester: true } */
export interface Quorum {
  /** So many must approve. */
  approvals: number;
  /** Of so many voters in all. */
  of: number;
  /** Only these may vote; left out, anybody may who is let in, each once. */
  voters?: string[];
  /** One refusal ends it. */
  veto: boolean;
  /** Who asked may not vote. */
  excludeRequester: boolean;
}

export interface Vote {
  by: string;
  approves: boolean;
  at: number;
  /** The idempotency key that came with it: the same one again is no second vote. */
  key?: string;
}

/** As everybody may see them. */
export function shownVotes(votes: Vote[]): Omit<Vote, "key">[] {
  return votes.map(({ by, approves, at }) => ({ by, approves, at }));
}

export type Verdict =
  | { is: "counted"; votes: Vote[] }
  | { is: "reached" | "missed"; votes: Vote[] }
  | { is: "voted" | "excluded"; votes: Vote[] };

/**
 * What one more vote comes to.
 *
 * - `counted`: not decided yet. `reached`: approved with it. `missed`: refused with it.
 * - `voted`: that voter has voted. `excluded`: may not vote.
 *
 * @param requester who asked, if anybody knows
 */
export function verdict(
  quorum: Quorum,
  votes: Vote[],
  vote: Vote,
  requester: string | undefined,
): Verdict {
  if (exclusionOf(quorum, vote.by, requester)) return { is: "excluded", votes };
  if (votes.some(({ by }) => by === vote.by)) return { is: "voted", votes };
  const all = [...votes, vote];
  const approvals = all.filter(({ approves }) => approves).length;
  const refusals = all.length - approvals;
  if (approvals >= quorum.approvals) return { is: "reached", votes: all };
  const isOver = refusals > quorum.of - quorum.approvals || (quorum.veto && refusals > 0);
  return { is: isOver ? "missed" : "counted", votes: all };
}

/** Why somebody may not vote: they have asked for it, or are not on the list. */
export function exclusionOf(
  { voters, excludeRequester }: Quorum,
  by: string,
  requester: string | undefined,
): "requester" | "stranger" | undefined {
  if (excludeRequester && by === requester) return "requester";
  return voters === undefined || voters.includes(by) ? undefined : "stranger";
}
