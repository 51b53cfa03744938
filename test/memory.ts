/** Where nothing waits for a disk: folders of tests that are not about one. It outlives a server that is killed. */
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";

export const MEMORY = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
