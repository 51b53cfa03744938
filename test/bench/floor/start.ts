/**
 * Starts the floor on the same workerd binary, compatibility date, kind of storage and limit of open
 * files as our server, so that the two differ in their Workers only.
 */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SOCKET } from "../../../src/local/capnp.ts";
import { readProject } from "../../../src/local/project.ts";
import { spawnWorkerd, type WorkerdProcess } from "../../../src/local/workerd.ts";

/** Runs the floor on files in `folder`, at a free port of this machine. */
export function spawnFloor(folder: string): WorkerdProcess {
  const { compatibilityDate } = readProject();
  mkdirSync(join(folder, "objects"), { recursive: true });
  copyFileSync(join(import.meta.dirname, "worker.js"), join(folder, "worker.js"));
  const config = join(folder, "workerd.capnp");
  writeFileSync(config, floorConfig(compatibilityDate, join(folder, "objects")));
  return spawnWorkerd(config, {}, () => {});
}

function floorConfig(compatibilityDate: string, objects: string): string {
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "objects", disk = (path = ${JSON.stringify(objects)}, writable = true)),
  ],
  sockets = [(name = "${SOCKET}", address = "127.0.0.1:0", http = (), service = "main")],
);

const main :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "${compatibilityDate}",
  durableObjectNamespaces = [(className = "FloorObject", uniqueKey = "floor", enableSql = true)],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [(name = "FLOOR", durableObjectNamespace = "FloorObject")],
);
`;
}
