/** One site for all tests against the real server, on a database of its own. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { TestProject } from "vitest/node";

import { freePort, python, Site } from "./processes.js";

declare module "vitest" {
  interface ProvidedContext {
    port: number;
    database: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = mkdtempSync(join(tmpdir(), "realtime-client-"));
  const database = join(directory, "site.sqlite3");
  python(database, "populate.py");
  const site = await Site.start(database, await freePort());
  project.provide("port", site.port);
  project.provide("database", database);
  return async () => {
    await site.stop();
    rmSync(directory, { recursive: true });
  };
}
