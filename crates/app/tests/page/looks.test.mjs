// For everybody: by keyboard alone, by ear, on a narrow screen, in the dark.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { daemon, endAll, HOSTS, kept, open, shows, until } from "./support.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let subject, page;
before(async () => {
  subject = await daemon(HOSTS[0], "kvm-1");
  await daemon(HOSTS[1], "kvm-2");
  const third = await daemon(HOSTS[2], "kvm-3");
  await kept("kvm-3");
  await third.stop();
  page = await open();
  await page.row("kvm-2").waitFor();
});
after(endAll);

/** Serious and critical findings of axe-core, each with where it is. */
async function findings(tab) {
  await tab.evaluate(AXE);
  const found = await tab.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const serious = found.violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
}

const focused = (tab) => tab.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());

for (const [words, options] of [["in the light", { colorScheme: "light" }], ["in the dark", { colorScheme: "dark" }], ["on a narrow screen", { viewport: { width: 360, height: 720 } }]]) {
  test(`every view is accessible ${words}`, async () => {
    const other = await open("/", options);
    await other.row("kvm-2").waitFor();
    const views = ["#peers", "#network", "#activity", "#host"];
    for (const view of views) {
      await other.tab.evaluate((hash) => (location.hash = hash), view);
      await other.tab.locator(`#view-${view.slice(1)}`).waitFor();
      if (view === "#host") await shows(other.tab.locator("#host-parts"), "eth0");
      assert.deepEqual(await findings(other.tab), [], view);
      const wide = await other.tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${view} is ${wide} pixels too wide`);
    }
    await other.tab.evaluate(() => (location.hash = "#peers"));
    await other.row("kvm-2").locator(".name").click();
    await shows(other.tab.getByRole("dialog", { name: "kvm-2" }), "Addresses");
    assert.deepEqual(await findings(other.tab), [], "detail");
    await other.tab.keyboard.press("Escape");
    await other.tab.getByRole("button", { name: "Add a peer" }).click();
    assert.deepEqual(await findings(other.tab), [], "adding");
    await other.tab.keyboard.press("Escape");
    other.sound();
    await other.close();
  });
}

test("the keyboard alone reaches all of it", async () => {
  const { tab } = page;
  await tab.keyboard.press("Tab");
  assert.equal(await focused(tab), "Skip to the content");
  await tab.keyboard.press("/");
  assert.equal(await focused(tab), "filter");
  await tab.keyboard.type("kvm-2");
  assert.equal(await page.rows().count(), 1);
  await tab.keyboard.press("ControlOrMeta+a");
  await tab.keyboard.press("Delete");
  let steps = 0;
  while ((await focused(tab)) !== "kvm-2" && (steps += 1) < 40) await tab.keyboard.press("Tab");
  assert.equal(await focused(tab), "kvm-2");
  await tab.keyboard.press("ArrowDown");
  assert.equal(await focused(tab), "kvm-3");
  await tab.keyboard.press("ArrowUp");
  await tab.keyboard.press("Enter");
  const sheet = tab.getByRole("dialog", { name: "kvm-2" });
  await shows(sheet, "History");
  for (let step = 0; step < 8; step += 1) {
    await tab.keyboard.press("Tab");
    const inside = await tab.evaluate(() => document.activeElement === document.body || document.querySelector("#detail").contains(document.activeElement));
    assert.ok(inside, "the focus left an open dialog");
  }
  await tab.keyboard.press("Escape");
  await until("the focus is back", async () => (await focused(tab)) === "kvm-2");
  await tab.getByRole("button", { name: "Add a peer" }).focus();
  await tab.keyboard.press("Enter");
  assert.equal(await focused(tab), "add-address");
  await tab.keyboard.press("Enter");
  await shows(tab.locator("#add-error"), "Say where");
  await tab.keyboard.press("Escape");
  await until("the focus is back", async () => (await focused(tab)) === "add");
  page.sound();
});

test("a theme is chosen and kept", async () => {
  const other = await open("/", { colorScheme: "light" });
  const { tab } = other;
  const brightness = () => tab.evaluate(() => Number(/\d+/.exec(getComputedStyle(document.body).backgroundColor)[0]));
  assert.ok((await brightness()) > 200);
  await tab.emulateMedia({ colorScheme: "dark" });
  assert.ok((await brightness()) < 60);
  await tab.getByRole("button", { name: "Theme: that of the system" }).click();
  await tab.getByRole("button", { name: "Theme: light" }).waitFor();
  assert.ok((await brightness()) > 200);
  await tab.reload();
  await tab.getByRole("button", { name: "Theme: light" }).click();
  await tab.emulateMedia({ colorScheme: "light" });
  assert.ok((await brightness()) < 60);
  other.sound();
  await other.close();
});

test("states are told by words and shapes, not by colour alone", async () => {
  await shows(page.row("kvm-2").locator(".state"), "Up");
  await shows(page.row("kvm-3").locator(".state"), "Down");
  const shape = (name) => page.row(name).locator(".dot").evaluate((node) => getComputedStyle(node).borderRadius);
  assert.notEqual(await shape("kvm-2"), await shape("kvm-3"));
  assert.equal(subject.name, "kvm-1");
});
