/** The server, the faulty line to it, and management commands, each in a process of its own. */

import { spawn, execFileSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

const ROOT = join(import.meta.dirname, "../../..");
const PYTHON = process.env["PYTHON"] ?? join(ROOT, ".venv/bin/python");
export const SECRET = "a-secret-of-the-client-s-tests-and-of-nothing-else";
const START_MS = 60_000;

function environment(database: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...{ DEBUG: "1", SECRET_KEY: SECRET, DATABASE_URL: `sqlite:///${database}` },
    ...{ REDIS_URL: "", PYTHONPATH: ROOT, DJANGO_SETTINGS_MODULE: "socialhub.settings" },
  };
}

/** Run a management command, or a script of this directory, to its end. */
export function python(database: string, script: string, ...args: string[]): void {
  const path = script === "manage.py" ? join(ROOT, script) : join(import.meta.dirname, script);
  execFileSync(PYTHON, [path, ...args], { cwd: ROOT, env: environment(database) });
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

/** The site, ready to serve. */
export class Site {
  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {}

  static async start(database: string, port: number): Promise<Site> {
    const args = [join(ROOT, "manage.py"), "serve", "--port", String(port)];
    const stdio = ["ignore", "ignore", "inherit"] as const;
    const child = spawn(PYTHON, args, { cwd: ROOT, env: environment(database), stdio: [...stdio] });
    const site = new Site(child, port);
    const deadline = Date.now() + START_MS;
    while (!(await site.#isReady())) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error("No server has started");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return site;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Take leave of its clients, and end. */
  async stop(): Promise<void> {
    await end(this.child);
  }

  async #isReady(): Promise<boolean> {
    return fetch(`${this.url}/readyz`).then(
      ({ status }) => status === 200,
      () => false,
    );
  }
}

/** A way to the server that can fail. */
export class Line {
  private constructor(
    private readonly child: ChildProcess,
    private readonly output: AsyncIterator<string>,
    readonly url: string,
  ) {}

  static async open(port: number): Promise<Line> {
    const script = join(import.meta.dirname, "line.py");
    const child = spawn(PYTHON, [script, String(port)], {
      ...{ cwd: ROOT, env: { ...process.env, PYTHONPATH: ROOT } },
      stdio: ["pipe", "pipe", "inherit"],
    });
    const output = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    const { value } = (await output.next()) as { value: string };
    return new Line(child, output, `http://127.0.0.1:${value}`);
  }

  /** Reset all connections, and refuse new ones for so many seconds. */
  async cut(seconds: number): Promise<void> {
    await this.#order(`cut ${seconds}`);
  }

  /** Leave all connections half open: neither side hears of the other again. */
  async silence(): Promise<void> {
    await this.#order("silence");
  }

  async close(): Promise<void> {
    await end(this.child);
  }

  async #order(order: string): Promise<void> {
    this.child.stdin!.write(`${order}\n`);
    await this.output.next();
  }
}
