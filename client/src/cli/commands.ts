/** All commands, in the order of the help. */
import type { Command } from "./command.ts";
import { create } from "./commands/create.ts";
import { doctor } from "./commands/doctor.ts";
import { exportPromises } from "./commands/export.ts";
import { ownCommands } from "./commands/help.ts";
import { importPromises } from "./commands/import.ts";
import { inbox } from "./commands/inbox.ts";
import { keys } from "./commands/keys.ts";
import { links } from "./commands/links.ts";
import { get, wait, watch } from "./commands/read.ts";
import { schedules } from "./commands/schedules.ts";
import { search } from "./commands/search.ts";
import { cancel, extend, reject, remove, resolve } from "./commands/settle.ts";
import { stats } from "./commands/stats.ts";
import { tree } from "./commands/tree.ts";
import { webhooks } from "./commands/webhooks.ts";

export const COMMANDS: readonly Command[] = [
  create,
  get,
  wait,
  watch,
  resolve,
  reject,
  cancel,
  extend,
  remove,
  search,
  inbox,
  tree,
  stats,
  ...links,
  ...webhooks,
  ...schedules,
  ...keys,
  exportPromises,
  importPromises,
  doctor,
  ...ownCommands(() => COMMANDS),
];
