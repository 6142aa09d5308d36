// Daemons on the hosts that the Rust side made, and a browser tab that notices what must not happen.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import { launch } from "./browser.mjs";

/** Hosts on one link: the namespace's pid, its name and its address. The browser is on the first. */
export const HOSTS = JSON.parse(process.env.PAGE_HOSTS ?? "[]");
const PROGRAM = process.env.PAGE_PROGRAM;
const API = "127.0.0.1:18132";
export const ORIGIN = `http://${API}`;
/** Far more than anything here takes; a limit against hanging. */
export const LONG = 30_000;

const inHost = (host, words) => ["nsenter", [`--target=${host.pid}`, "--net", "--uts", "--mount", "--", ...words]];

/** A daemon on a host; ready when this resolves. */
export async function daemon(host, name, { state = `/run/hosts/${name}`, options = [] } = {}) {
  const words = [PROGRAM, "run", "--name", name, "--state-dir", state, "--api", API, "--events", ...options];
  const child = spawn(...inHost(host, words), { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let said = "";
  child.stderr.on("data", (data) => (said += data));
  const ready = new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => line.includes('"ready"') && resolve());
    child.once("exit", (code) => reject(new Error(`the daemon ${name} ended with ${code}: ${said}`)));
  });
  await ready;
  const end = async (signal) => {
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
    running.delete(child);
  };
  const connection = ["--api", API, "--state-dir", state];
  return {
    name,
    state,
    /** As after a crash: no goodbye. */
    crash: () => end("SIGKILL"),
    /** As asked to end: with a goodbye. */
    stop: () => end("SIGTERM"),
    token: () => readFileSync(`${state}/api-token`, "utf8").trim(),
    say: (...command) => {
      const done = spawnSync(...inHost(host, [PROGRAM, ...command, ...connection]), { encoding: "utf8" });
      assert.equal(done.status, 0, `${command}: ${done.stderr}`);
      return done.stdout;
    },
  };
}

/** Any other program on a host, until the end of the test. */
export function start(host, ...words) {
  const child = spawn(...inHost(host, words), { stdio: "ignore" });
  running.add(child);
  return child;
}

/** Runs a program on a host to its end. */
export function run(host, ...words) {
  const done = spawnSync(...inHost(host, words), { encoding: "utf8" });
  assert.equal(done.status, 0, `${words}: ${done.stderr}`);
  return done.stdout;
}

const running = new Set();
let browser = null;

/** Ends all that was started. */
export async function endAll() {
  await browser?.close();
  browser = null;
  for (const child of running) child.kill("SIGKILL");
  running.clear();
}

/**
 * A tab with the page, in a profile of its own. `sound(...)` fails the test where something was said on the console, a
 * script failed, a dialog came up, or anybody else was asked for anything. `isOpen`: whether it shows anything before
 * somebody signs in; `route`: what is asked for, and the answer in place of the daemon's.
 */
export async function open(path = "/", { origin = ORIGIN, isOpen = true, route, ...options } = {}) {
  browser ??= await launch();
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", ...options });
  const tab = await context.newPage();
  tab.setDefaultTimeout(LONG);
  const wrong = [];
  tab.on("console", (message) => ["error", "warning"].includes(message.type()) && wrong.push(`console: ${message.text()} ${message.location().url}`));
  tab.on("pageerror", (error) => wrong.push(`script: ${error.stack}`));
  tab.on("dialog", (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  tab.on("request", (request) => new URL(request.url()).origin === origin || wrong.push(`asked elsewhere: ${request.url()}`));
  const page = {
    tab,
    /** The row of this peer. */
    row: (name) => tab.locator("#list tbody tr:not(.group):not([hidden])").filter({ has: tab.locator(".name", { hasText: new RegExp(`^${name.replaceAll(".", "\\.")}$`) }) }),
    rows: () => tab.locator("#list tbody tr:not(.group):not([hidden])"),
    /** `allowed` is what the console may have said: the browser logs each answer that is an error. */
    sound: (allowed = []) => assert.deepEqual(wrong.filter((line) => !allowed.some((part) => part.test(line))), []),
    close: () => context.close(),
  };
  if (route) await tab.route(route[0], (asked) => asked.fulfill({ json: route[1] }));
  await tab.goto(`${origin}${path}`);
  if (isOpen) await tab.locator('#connection[data-state="live"]').waitFor();
  return page;
}

/** Waits until the daemon of the browser's host keeps this peer: one that goes before that leaves nothing behind. */
export function kept(name) {
  return until(`${name} is kept`, async () => {
    const peers = await (await fetch(`${ORIGIN}/v1/peers`)).json();
    const found = peers.find((peer) => peer.name === name);
    if (!found) return false;
    const detail = await (await fetch(`${ORIGIN}/v1/peers/${encodeURIComponent(found.id)}`)).json();
    return detail.history.length > 0;
  });
}

/** Waits until a text is somewhere in what the locator finds. */
export async function shows(locator, text, patience = LONG) {
  await locator.filter({ hasText: text }).first().waitFor({ timeout: patience }).catch(async () => {
    const found = await locator.allInnerTexts();
    assert.fail(`not shown: ${text}, but ${JSON.stringify(found)}`);
  });
}

/** Waits until this is true. */
export async function until(what, condition) {
  const end = Date.now() + LONG;
  while (!(await condition())) {
    if (Date.now() > end) assert.fail(`in vain: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
