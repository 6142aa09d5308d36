// The list and what hangs on it, as hosts come and go.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { daemon, endAll, HOSTS, kept, LONG, open, shows, until } from "./support.mjs";

let subject, page;
before(async () => {
  subject = await daemon(HOSTS[0], "kvm-1");
  page = await open();
});
after(endAll);

let second, third;

test("an empty list says what to do", async () => {
  await shows(page.tab.locator("#nothing"), "No other host has been heard yet");
  await shows(page.tab.locator("#nothing"), "kimchi-peers doctor");
  await page.tab.getByRole("button", { name: "Search again" }).click();
  await shows(page.tab.locator("#search-words"), "Asked: nobody new answered.");
  await page.tab.getByRole("button", { name: "Add one by hand" }).click();
  await page.tab.getByRole("dialog", { name: "Add a peer of another network" }).waitFor();
  await page.tab.keyboard.press("Escape");
  await shows(page.tab.locator("#summary"), "sees nobody else yet");
  assert.equal(await page.tab.title(), "kvm-1 · kimchi-peers");
});

test("who joins is shown at once, with a link to its console", async () => {
  second = await daemon(HOSTS[1], "kvm-2");
  third = await daemon(HOSTS[2], "kvm-10");
  for (const [name, host] of [["kvm-2", HOSTS[1]], ["kvm-10", HOSTS[2]]]) {
    const row = page.row(name);
    await shows(row.locator(".state"), "Up");
    await shows(row.locator(".c-address"), host.address);
    await shows(row.locator(".c-trust"), "Pinned");
    await shows(row.locator(".tag"), "Local");
    const link = row.locator(".c-address a");
    assert.equal(await link.getAttribute("href"), `https://${host.address}:8001/`);
    assert.equal(await link.getAttribute("target"), "_blank");
    assert.equal(await link.getAttribute("rel"), "noopener noreferrer");
  }
  await shows(page.tab.locator("#summary"), "sees 2 peers, all up");
  assert.equal(await page.tab.locator("#nothing").isVisible(), false);
});

test("names are in the order of people, and the other way round when asked again", async () => {
  const names = () => page.rows().locator(".name").allInnerTexts();
  assert.deepEqual(await names(), ["kvm-2", "kvm-10"]);
  const head = page.tab.getByRole("columnheader", { name: "Name" });
  assert.equal(await head.getAttribute("aria-sort"), "ascending");
  await head.getByRole("button").click();
  assert.deepEqual(await names(), ["kvm-10", "kvm-2"]);
  assert.equal(await head.getAttribute("aria-sort"), "descending");
  await head.getByRole("button").click();
  assert.deepEqual(await names(), ["kvm-2", "kvm-10"]);
});

test("when a peer was seen last counts up between two readings", async () => {
  const seen = page.row("kvm-2").locator(".c-seen");
  const number = async () => Number(/^(\d+) s ago$/.exec(await seen.innerText())?.[1] ?? NaN);
  await until("two seconds in a row", async () => {
    const first = await number();
    await new Promise((done) => setTimeout(done, 1100));
    return (await number()) > first;
  });
});

test("the round trip to each is measured while somebody looks, not to the neighbour alone", async () => {
  for (const name of ["kvm-2", "kvm-10"]) {
    const cell = page.row(name).locator(".c-latency");
    await until(`the latency of ${name}`, async () => /\d ms$/.test(await cell.innerText()));
  }
});

test("a filter leaves what fits, by name, address, state and origin", async () => {
  const filter = page.tab.locator("#filter");
  for (const [text, names] of [["kvm-10", ["kvm-10"]], [HOSTS[1].address, ["kvm-2"]], ["pinned KVM-2", ["kvm-2"]], ["", ["kvm-2", "kvm-10"]]]) {
    await filter.fill(text);
    assert.deepEqual(await page.rows().locator(".name").allInnerTexts(), names, text);
  }
  await filter.fill("nobody");
  await shows(page.tab.locator("#nothing-fits"), "No peer fits the filter");
  await page.tab.getByRole("button", { name: "Show all" }).click();
  assert.equal(await filter.inputValue(), "");
  assert.equal(await page.rows().count(), 2);
  const up = page.tab.locator("#by-state").getByRole("button", { name: /^Up/ });
  await up.click();
  assert.equal(await up.getAttribute("aria-pressed"), "true");
  assert.equal(await page.rows().count(), 2);
  await page.tab.locator("#by-state").getByRole("button", { name: /^All/ }).click();
});

test("a search shows that it goes on, and what came of it", async () => {
  const button = page.tab.getByRole("button", { name: "Search now" });
  await button.click();
  await page.tab.getByRole("progressbar", { name: "Search" }).waitFor();
  assert.equal(await button.isDisabled(), true);
  await shows(page.tab.locator("#search-words"), "Asked: nobody new answered.");
  assert.equal(await button.isDisabled(), false);
});

test("a peer in detail, and back", async () => {
  const name = page.row("kvm-2").locator(".name");
  await name.click();
  const sheet = page.tab.getByRole("dialog", { name: "kvm-2" });
  for (const text of ["Up", HOSTS[1].address, "eth0", "Pinned: Signed by the key", "History", "8001 HTTPS", "Local: heard on a link"]) await shows(sheet, text);
  assert.match(page.tab.url(), /#peer=/);
  assert.equal(await sheet.getByRole("link", { name: "Open console of kvm-2, in a new tab" }).getAttribute("href"), `https://${HOSTS[1].address}:8001/`);
  await page.tab.keyboard.press("Escape");
  await sheet.waitFor({ state: "hidden" });
  await until("the address is that of the list", async () => page.tab.url().endsWith("#peers"));
  assert.equal(await name.evaluate((node) => node === document.activeElement), true);
});

test("who dies without a word is shown as down, and why; who comes back is up", async () => {
  await kept("kvm-10");
  await third.crash();
  const row = page.row("kvm-10");
  await shows(row.locator(".state"), "Down");
  await shows(row.locator(".c-state"), "did not answer");
  await shows(page.tab.locator("#summary"), "sees 2 peers: 1 up, 1 down");
  await shows(page.tab.locator("#announcements"), "kvm-10 is down");
  const down = page.tab.locator("#by-state").getByRole("button", { name: /^Down/ });
  await down.click();
  assert.deepEqual(await page.rows().locator(".name").allInnerTexts(), ["kvm-10"]);
  await page.tab.locator("#by-state").getByRole("button", { name: /^All/ }).click();
  third = await daemon(HOSTS[2], "kvm-10");
  await shows(row.locator(".state"), "Up");
  await kept("kvm-10");
});

test("who leaves is shown as down at once, and said goodbye", async () => {
  await third.stop();
  await shows(page.row("kvm-10").locator(".c-state"), "said goodbye");
  await page.row("kvm-10").locator(".name").click();
  await shows(page.tab.getByRole("dialog", { name: "kvm-10" }).locator(".timeline"), "said goodbye");
  await page.tab.keyboard.press("Escape");
});

test("what happened, who hears whom, and this host have views of their own", async () => {
  await page.tab.getByRole("link", { name: "Activity" }).click();
  await shows(page.tab.locator("#activity-parts"), "kvm-10 is down");
  await page.tab.getByRole("link", { name: "Who hears whom" }).click();
  await shows(page.tab.locator("#network-parts"), "hear");
  await page.tab.locator("#network-parts svg text").first().waitFor();
  await page.tab.getByRole("link", { name: "This host" }).click();
  for (const text of ["eth0", HOSTS[0].address, "127.0.0.1:18132", subject.state, "Mode"]) await shows(page.tab.locator("#host-parts"), text);
  await page.tab.getByRole("link", { name: "Peers" }).click();
  await page.row("kvm-2").waitFor();
});

test("nothing was wrong so far", () => page.sound());

test("a daemon that is away is told of, and the page goes on when it is back", async () => {
  await subject.stop();
  await shows(page.tab.locator("#away"), "The daemon does not answer");
  assert.equal(await page.row("kvm-2").count(), 1, "what was known stays");
  subject = await daemon(HOSTS[0], "kvm-1");
  await page.tab.locator('#connection[data-state="live"]').waitFor({ timeout: LONG });
  await page.tab.locator("#away").waitFor({ state: "hidden" });
  await second.stop();
  await shows(page.row("kvm-2").locator(".state"), "Down");
  // The browser itself tells of each connection that it could not make.
  page.sound([/console: Failed to load resource: net::ERR_(CONNECTION|INCOMPLETE|EMPTY|NETWORK)/]);
});
