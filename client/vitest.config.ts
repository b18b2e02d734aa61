import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    restoreMocks: true,
    unstubGlobals: true,
    projects: [
      { extends: true, test: { name: "unit", include: ["tests/unit/**/*.test.ts"] } },
      {
        extends: true,
        test: {
          name: "server",
          include: ["tests/server/**/*.test.ts"],
          globalSetup: "tests/server/setup.ts",
          testTimeout: 120_000,
          // One server for all, and its SQLite file has one writer.
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: "angular",
          environment: "jsdom",
          include: ["build/angular/**/*.test.js"],
          setupFiles: "build/angular/setup.js",
          server: { deps: { inline: [/@angular/] } },
        },
      },
    ],
  },
});
