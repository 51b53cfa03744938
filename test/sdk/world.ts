/**
 * What the tests of this folder run in: a real server on a folder and a port of its own, processes
 * with the SDK that cannot outlive it, the file of their side effects, and a look at the server
 * past the SDK.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { startServer } from "../../src/local/server.ts";
import { rpcClient } from "../conformance/rpc-client.ts";
import type { Settings } from "./sdk-child.ts";
import { type SdkProcess, startSdkProcess } from "./sdk-process.ts";
import { FUNCTION_NAMES } from "./workflows.ts";
