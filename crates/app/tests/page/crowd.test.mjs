// A thousand peers.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { daemon, endAll, HOSTS, open, shows, until } from "./support.mjs";

after(endAll);

test("a thousand peers are listed, sorted and filtered", async () => {
  await daemon(HOSTS[0], "kvm-1", { state: "/run/hosts/crowd" });
  const page = await open();
  await until("all rows", async () => (await page.rows().count()) === 1000);
  await shows(page.tab.locator("#summary"), "sees 1,000 peers");
  const names = () => page.rows().locator(".name").allTextContents();
  assert.deepEqual((await names()).slice(0, 3), ["kvm-1001", "kvm-1002", "kvm-1003"]);
  await page.tab.locator("#filter").fill("kvm-17");
  assert.equal(await page.rows().count(), 100);
  await page.tab.locator("#filter").fill("kvm-1777");
  assert.deepEqual(await names(), ["kvm-1777"]);
  await page.tab.locator("#filter").fill("");
  await page.tab.getByRole("columnheader", { name: "Name" }).getByRole("button").click();
  await until("the other way round", async () => (await names())[0] === "kvm-2000");
  await until("all rows", async () => (await page.rows().count()) === 1000);
  // The last row is drawn when it is scrolled to.
  const last = page.row("kvm-1001");
  await last.scrollIntoViewIfNeeded();
  await shows(last.locator(".c-seen"), "ago");
  await last.locator(".name").click();
  await shows(page.tab.getByRole("dialog", { name: "kvm-1001" }), "127.0.0.2");
  page.sound();
});
