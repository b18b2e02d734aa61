import "@angular/compiler"; // links the package as an application's build would
import { getTestBed } from "@angular/core/testing";
import { BrowserTestingModule, platformBrowserTesting } from "@angular/platform-browser/testing";
import { afterEach } from "vitest";

getTestBed().initTestEnvironment(BrowserTestingModule, platformBrowserTesting());
afterEach(() => void getTestBed().resetTestingModule());
