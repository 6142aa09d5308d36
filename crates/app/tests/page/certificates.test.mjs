// Whether a console shows the certificate that it should, and what the page does where it does not.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { daemon, endAll, HOSTS, open, run, shows, start, until } from "./support.mjs";

/** Where the console of the second host answers, under its own port and as one that is added by hand. */
const CONSOLES = [`${HOSTS[1]?.address}:8001`, `${HOSTS[1]?.address}:9443`];

/** A console that shows a new certificate, and its SHA-256. */
async function consoleOf(name, address) {
  const [key, certificate] = [`/run/hosts/${name}.key`, `/run/hosts/${name}.crt`];
  run(HOSTS[1], "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", `/CN=${name}`, "-days", "2", "-keyout", key, "-out", certificate);
  const child = start(HOSTS[1], "openssl", "s_server", "-www", "-accept", address, "-key", key, "-cert", certificate);
  await until(`${address} answers`, () => run(HOSTS[1], "ss", "-Hltn", `src ${address}`) !== "");
  const shown = run(HOSTS[1], "openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256");
  const end = async () => {
    child.kill("SIGKILL");
    await until(`${address} is free`, () => run(HOSTS[1], "ss", "-Hltn", `src ${address}`) === "");
  };
  return { hash: shown.split("=")[1].trim().replaceAll(":", "").toLowerCase(), end };
}

let subject, page, own;
before(async () => {
  own = await consoleOf("first", CONSOLES[0]);
  subject = await daemon(HOSTS[0], "kvm-1");
  await daemon(HOSTS[1], "kvm-2");
  page = await open();
  await page.tab.goto(subject.say("open").trim());
  await page.row("kvm-2").waitFor();
});
after(endAll);

const sheet = (name) => page.tab.getByRole("dialog", { name });
const asking = () => page.tab.locator("#ask-dialog");

/** Has the daemon look, in the detail that is open. */
async function check(name, words) {
  await sheet(name).getByRole("button", { name: "Check now" }).click();
  await shows(sheet(name), words);
}

test("the certificate that the host announces is found at its console", async () => {
  await page.row("kvm-2").locator(".name").click();
  await shows(sheet("kvm-2"), "Nobody looked yet");
  await shows(sheet("kvm-2"), own.hash);
  await check("kvm-2", "It is the right one.");
  await shows(sheet("kvm-2"), "The console shows the certificate that the host announces.");
  await page.tab.keyboard.press("Escape");
  assert.equal(await page.row("kvm-2").getByRole("link", { name: "Console" }).count(), 1);
});

test("another one is told, and the way to the console needs to be meant", async () => {
  await own.end();
  const other = await consoleOf("other", CONSOLES[0]);
  await page.row("kvm-2").locator(".name").click();
  await check("kvm-2", "It is another one.");
  await shows(sheet("kvm-2"), "Do not log in before you know why.");
  await shows(sheet("kvm-2"), other.hash);
  await shows(sheet("kvm-2"), own.hash);
  assert.equal(await sheet("kvm-2").getByRole("link").count(), 0);
  await page.tab.keyboard.press("Escape");
  const row = page.row("kvm-2");
  await shows(row.locator(".c-state"), "another certificate");
  assert.equal(await row.locator("a[target]").count(), 0);
  await shows(page.tab.locator("#summary"), "1 needs attention");
  await row.getByRole("button", { name: "Console of kvm-2: it shows another certificate" }).click();
  await shows(asking(), `What answers at ${CONSOLES[0]} shows another certificate`);
  await asking().getByRole("button", { name: "Cancel" }).click();
  await row.getByRole("button", { name: "Console" }).click();
  const [opened] = await Promise.all([page.tab.context().waitForEvent("page"), asking().getByRole("button", { name: "Open all the same" }).click()]);
  // It knows nothing of the page that it was opened from.
  assert.equal(await opened.evaluate(() => window.opener), null);
  await opened.close();
  await other.end();
});

test("that nobody answers is told", async () => {
  await page.row("kvm-2").locator(".name").click();
  await check("kvm-2", `${CONSOLES[0]} showed none`);
  await page.tab.keyboard.press("Escape");
});

test("a new certificate of a remote peer is trusted when that is meant", async () => {
  const first = await consoleOf("remote", CONSOLES[1]);
  subject.say("add", CONSOLES[1]);
  const name = HOSTS[1].address;
  await shows(page.row(name).locator(".state"), "Up");
  await first.end();
  const second = await consoleOf("renewed", CONSOLES[1]);
  await page.row(name).locator(".name").click();
  await check(name, "It is another one.");
  await sheet(name).getByRole("button", { name: "Trust the new certificate …" }).click();
  await shows(asking(), second.hash);
  await asking().getByRole("button", { name: "Trust", exact: true }).click();
  await shows(sheet(name), "The console shows the certificate that it showed first.");
  await page.tab.keyboard.press("Escape");
  assert.equal(await page.row(name).getByRole("link", { name: "Console" }).count(), 1);
});

test("round trips become a line", async () => {
  const row = page.row(HOSTS[1].address);
  const line = row.locator(".spark polyline");
  // A search checks remote peers too.
  await until("two measurements", async () => {
    await page.tab.getByRole("button", { name: "Search now" }).click();
    return line.waitFor({ timeout: 12_000 }).then(() => true, () => false);
  });
  await row.locator(".name").click();
  await shows(sheet(HOSTS[1].address), "since this page was opened");
  page.sound();
});
