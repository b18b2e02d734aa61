/**
 * Builds the package (`dist/`) and the file that the server ships for `<script type="module">`.
 *
 * With --check it builds the latter only, and fails if the committed one is another.
 */

import { execFileSync } from "node:child_process";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const CLIENT = dirname(dirname(fileURLToPath(import.meta.url)));
const SHIPPED = join(CLIENT, "../realtime/static/realtime/client.js");
const NOTICE = `/*!
 * The client of the SocialHub realtime service. Built from client/ by \`make client\`: do not edit.
 * It contains parts of RxJS, https://rxjs.dev,
 * Copyright (c) 2015-2018 Google, Inc., Netflix, Inc., Microsoft Corp. and contributors,
 * licensed under the Apache License, Version 2.0, https://www.apache.org/licenses/LICENSE-2.0
 */`;

const bundle = (options) =>
  build({
    absWorkingDir: CLIENT,
    entryPoints: ["src/index.ts"],
    bundle: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    logLevel: "warning",
    ...options,
  });

async function shipped() {
  const { outputFiles } = await bundle({
    // Its modern code: without this it would be what browsers of 2014 need.
    conditions: ["es2015"],
    mainFields: ["es2015", "module"],
    banner: { js: NOTICE },
    legalComments: "none",
    write: false,
  });
  return outputFiles[0].text;
}

async function buildPackage() {
  const built = join(CLIENT, "build");
  const dist = join(CLIENT, "dist");
  await Promise.all([built, dist].map((path) => rm(path, { recursive: true, force: true })));
  execFileSync(join(CLIENT, "node_modules/.bin/ngc"), ["--project", "tsconfig.json"], {
    cwd: CLIENT,
    stdio: "inherit",
  });
  await bundle({ outfile: "dist/index.js", external: ["rxjs"] });
  // What ngc made of it; it imports ./index.js, so that both entries share their classes.
  await cp(join(built, "client/src/angular.js"), join(dist, "angular.js"));
  await cp(built, join(dist, "types"), {
    recursive: true,
    filter: (path) => !path.endsWith(".js"),
  });
}

const text = await shipped();
if (process.argv.includes("--check")) {
  if (text !== (await readFile(SHIPPED, "utf8").catch(() => ""))) {
    console.error("realtime/static/realtime/client.js is not what client/ builds: make client");
    process.exit(1);
  }
  console.log("realtime/static/realtime/client.js is current");
} else {
  await mkdir(dirname(SHIPPED), { recursive: true });
  await writeFile(SHIPPED, text);
  await buildPackage();
}
