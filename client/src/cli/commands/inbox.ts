/** `inbox`: what is waiting, live. */
import type { Command } from "../command.ts";
import { follow } from "../following.ts";
import { QUERY_FLAGS, queryOf } from "../query-flags.ts";

export const inbox: Command = {
  name: "inbox",
  takes: "[pattern]",
  summary: "what is waiting, live: the same as search --state pending --watch",
  flags: QUERY_FLAGS,
  notes: [
    "On a terminal the list itself, as it changes. In a pipe a line for each change: + it is found",
    "from now on, ~ it changed, - it is not found any more. With --json the events of the server.",
  ],
  examples: ["inbox 'approvals/*' --sort deadline", "inbox --json | jq -r .promise.id"],
  run: (session) => {
    const query = queryOf(session.args);
    return follow(session, { state: "pending", ...query });
  },
};
