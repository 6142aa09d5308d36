// What the page shows that takes a network and some time: absences, who hears whom, and what was.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { daemon, endAll, HOSTS, kept, open, run, shows } from "./support.mjs";

/** Whom a host hears is told with its heartbeats, and a link is not called one-way before it failed several times. */
const PATIENCE = 90_000;

let page, third;
before(async () => {
  await daemon(HOSTS[0], "kvm-1");
  await daemon(HOSTS[1], "kvm-2");
  third = await daemon(HOSTS[2], "kvm-3");
  page = await open();
  await page.row("kvm-3").waitFor();
  await kept("kvm-2");
  await kept("kvm-3");
});
after(endAll);

const sheet = (name) => page.tab.getByRole("dialog", { name });

test("an interruption is in the strips of both times", async () => {
  await third.crash();
  await shows(page.row("kvm-3").locator(".state"), "Down");
  third = await daemon(HOSTS[2], "kvm-3");
  await shows(page.row("kvm-3").locator(".state"), "Up");
  const row = page.row("kvm-3").locator(".c-strip");
  await shows(row, "1 interruption");
  await row.getByRole("img", { name: /^Last 24 h: \d.* %, 1 interruption$/ }).waitFor();
  await page.tab.getByRole("button", { name: "30 d" }).click();
  await row.getByRole("img", { name: /^Last 30 d: \d.* %, 1 interruption$/ }).waitFor();
  await page.row("kvm-3").locator(".name").click();
  for (const title of ["Last 24 h", "Last 30 d"]) await sheet("kvm-3").getByRole("img", { name: new RegExp(`^${title}: .*1 interruption`) }).waitFor();
  await page.tab.keyboard.press("Escape");
});

test("an announced absence is no trouble, until it is overdue", async () => {
  third.say("leave", "--for", "2h", "--reason", "firmware");
  const row = page.row("kvm-3");
  await shows(row.locator(".state"), "Planned");
  // Two hours from now may be tomorrow.
  await shows(row.locator(".c-state"), /back by .*\d\d:\d\d: firmware$/);
  await shows(page.tab.locator("#summary"), "sees 2 peers: 1 up, 1 planned");
  await row.locator(".name").click();
  await shows(sheet("kvm-3"), "Planned absence until");
  await page.tab.keyboard.press("Escape");
  third = await daemon(HOSTS[2], "kvm-3");
  await shows(row.locator(".state"), "Up");
  third.say("leave", "--for", "1s", "--reason", "a short one");
  await shows(row.locator(".state"), "Overdue");
  await shows(page.tab.locator("#summary"), "1 needs attention");
  await row.locator(".name").click();
  await shows(sheet("kvm-3"), "It should be back since");
  await page.tab.keyboard.press("Escape");
  third = await daemon(HOSTS[2], "kvm-3");
  await shows(row.locator(".state"), "Up");
});

test("who hears whom is drawn, with the link that works one way", async () => {
  await page.tab.getByRole("link", { name: "Who hears whom" }).click();
  await shows(page.tab.locator("#network-parts"), "Everybody hears everybody.", PATIENCE);
  run(HOSTS[1], "nft", "add table ip deaf; add chain ip deaf in { type filter hook input priority 0; }; add rule ip deaf in meta l4proto udp ip saddr", HOSTS[2].address, "drop");
  await shows(page.tab.locator("#network-parts"), "1 link works one way.", PATIENCE);
  await shows(page.tab.locator(".sentences"), "kvm-3 hears kvm-2, but kvm-2 does not hear kvm-3.");
  assert.equal(await page.tab.locator(".ring line.link-one").count(), 1);
  page.sound();
});
