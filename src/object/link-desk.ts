/**
 * Making, listing, revoking and using the links to one promise. Using one and deciding the promise are
 * one synchronous turn: of two who click at once, one decides and the other learns who did.
 */
import { byLink, standingOf, type Link, type LinkStanding } from "../machine/link.ts";
import type { Command, PromiseRecord, Settle } from "../machine/promise.ts";
import { LIMITS } from "../../client/src/protocol.ts";
import type { Links } from "./links.ts";
import type { Answer } from "./turns.ts";

/** A link as it stands, and its promise as it is. */
export interface LinkView {
  standing: LinkStanding;
  link: Link | undefined;
  record: PromiseRecord | null;
}

export interface LinkUse extends LinkView {
  /** What became of the decision; left out when the link was not good. */
  outcome?: Answer["outcome"];
}

/** The object of the promise. */
interface Home {
  links: Links;
  get(): PromiseRecord | null;
  apply(command: Command): Answer;
  now(): number;
}

export class LinkDesk {
  #home: Home;

  constructor(home: Home) {
    this.#home = home;
  }

  /** `full`: there are as many as there may be. */
  create(link: Link): "created" | "absent" | "full" {
    if (!this.#home.get()) return "absent";
    if (this.#home.links.all().length >= LIMITS.linksMax) return "full";
    this.#home.links.save(link);
    return "created";
  }

  /** @returns whether there is such a link; one that is revoked stays so */
  revoke(id: string): boolean {
    const link = this.#home.links.get(id);
    if (!link) return false;
    if (link.revokedAt === undefined) {
      this.#home.links.save({ ...link, revokedAt: this.#home.now() });
    }
    return true;
  }

  /** Changes nothing, however often somebody or something looks. */
  view(id: string): LinkView {
    const link = this.#home.links.get(id);
    return { standing: standingOf(link, this.#home.now()), link, record: this.#home.get() };
  }

  /** A decision. It uses the link up if it counts; one that comes too late costs nothing. */
  use(id: string, decision: Pick<Settle, "state" | "value" | "fits">): LinkUse {
    const view = this.view(id);
    if (view.standing !== "good" || !view.link) return view;
    const by = byLink(view.link);
    const { outcome, record } = this.#home.apply({ kind: "settle", ...decision, by, strict: true });
    const counts = outcome === "settled" || outcome === "voted";
    if (counts) this.#home.links.save({ ...view.link, uses: view.link.uses + 1 });
    return { ...view, outcome, record };
  }
}
