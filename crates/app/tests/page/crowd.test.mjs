// A thousand peers.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { daemon, endAll, HOSTS, open, shows, until } from "./support.mjs";

after(endAll);

test("a thousand peers are listed, sorted and filtered, and few of them are drawn", async () => {
  await daemon(HOSTS[0], "kvm-1", { state: "/run/hosts/crowd" });
  const page = await open();
  const list = page.tab.locator("#list");
  await until("all of them", async () => (await list.getAttribute("aria-rowcount")) === "1002");
  await shows(page.tab.locator("#summary"), "sees 1,000 peers");
  const names = () => page.rows().locator(".name").allTextContents();
  assert.deepEqual((await names()).slice(0, 3), ["kvm-1001", "kvm-1002", "kvm-1003"]);
  assert.ok((await page.rows().count()) < 100);
  await page.tab.locator("#filter").fill("kvm-17");
  assert.equal(await list.getAttribute("aria-rowcount"), "102");
  await page.tab.locator("#filter").fill("kvm-1777");
  assert.deepEqual(await names(), ["kvm-1777"]);
  await page.tab.locator("#filter").fill("");
  await page.tab.getByRole("columnheader", { name: "Name" }).getByRole("button").click();
  assert.equal((await names())[0], "kvm-2000");
  // The last row is drawn when it is scrolled to.
  await page.tab.keyboard.press("End");
  const last = page.row("kvm-1001");
  await shows(last.locator(".c-seen"), "ago");
  assert.equal(await last.getAttribute("aria-rowindex"), "1002");
  await until("they stand in their order again", async () => JSON.stringify(await names()) === JSON.stringify((await names()).toSorted().toReversed()));
  await last.locator(".name").click();
  await shows(page.tab.getByRole("dialog", { name: "kvm-1001" }), "127.0.0.2");
  await page.tab.keyboard.press("Escape");
  // The keyboard goes on from there, and back over rows that nobody has drawn yet.
  for (let step = 0; step < 60; step += 1) await page.tab.keyboard.press("ArrowUp");
  const focused = () => page.tab.evaluate(() => document.activeElement.textContent);
  assert.equal(await focused(), "kvm-1061");
  // Where the focus is stays drawn while somebody looks elsewhere.
  await page.tab.evaluate(() => window.scrollTo(0, 0));
  await page.row("kvm-2000").waitFor();
  assert.equal(await focused(), "kvm-1061");
  await page.tab.keyboard.press("ArrowDown");
  assert.equal(await focused(), "kvm-1060");
  await page.row("kvm-1060").locator(".name").and(page.tab.locator(":focus")).waitFor();
  await until("it is in sight", () => page.row("kvm-1060").evaluate((row) => row.getBoundingClientRect().top > 0 && row.getBoundingClientRect().bottom < window.innerHeight));
  page.sound();
});
