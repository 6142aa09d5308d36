// Chromium, as the tests use it.

import { chromium } from "playwright-core";

/** What keeps Chromium from asking anybody for anything by itself. */
const OPTIONS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-sandbox"];

/** The browser of this machine, without a window. */
export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: OPTIONS, headless: true });
}
