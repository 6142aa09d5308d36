// What a person changes, and who may.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { daemon, endAll, HOSTS, kept, open, ORIGIN, run, shows, start, until } from "./support.mjs";

const CONSOLE = `${HOSTS[1]?.address}:9443`;
/** The browser tells of each answer that is a refusal, which these are meant to be. */
const REFUSED = [/console: Failed to load resource: the server responded with a status of 4\d\d/];

let subject, page;
before(async () => {
  const [key, certificate] = ["/run/hosts/console.key", "/run/hosts/console.crt"];
  run(HOSTS[1], "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=console", "-days", "2", "-keyout", key, "-out", certificate);
  start(HOSTS[1], "openssl", "s_server", "-www", "-accept", CONSOLE, "-key", key, "-cert", certificate);
  subject = await daemon(HOSTS[0], "kvm-1");
  page = await open();
});
after(endAll);

const adding = () => page.tab.getByRole("dialog", { name: "Add a peer of another network" });
const signing = () => page.tab.getByRole("dialog", { name: "Sign in" });
const asking = () => page.tab.locator("#ask-dialog");

async function type(address) {
  const field = adding().getByLabel("Address");
  await field.fill(address);
  await adding().getByRole("button", { name: "Add" }).click();
  return field;
}

test("what is wrong is said beside the field, and what was typed stays", async () => {
  await page.tab.getByRole("button", { name: "Add a peer" }).click();
  const field = await type("");
  await shows(adding().getByRole("alert"), "Say where the peer is");
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  assert.equal(await field.evaluate((node) => node === document.activeElement), true);
});

test("a change asks to sign in first, and a wrong token is refused", async () => {
  await type("no host!");
  await signing().waitFor();
  await shows(signing(), `${subject.state}/api-token`);
  await signing().getByLabel("Link or token").fill("wrong");
  await signing().getByRole("button", { name: "Sign in" }).click();
  await shows(signing().getByRole("alert"), "This is not the token of this daemon.");
  await signing().getByLabel("Link or token").fill(subject.token());
  await signing().getByRole("button", { name: "Sign in" }).click();
  await signing().waitFor({ state: "hidden" });
  // Signed in, and the address is no better for it.
  await until("the reason of the API", async () => (await adding().getByRole("alert").innerText()).length > 10);
  assert.equal(await adding().getByLabel("Address").inputValue(), "no host!");
  await page.tab.getByRole("button", { name: "Sign out", includeHidden: true }).waitFor();
});

test("addresses that are not to be checked are refused with a reason", async () => {
  for (const address of ["127.0.0.1", "224.0.0.1", "http://kvm9.example.org", "https://user:secret@kvm9.example.org", "kvm9.example.org:99999", "a".repeat(300)]) {
    await type(address);
    await until(`a reason for ${address}`, async () => (await adding().getByLabel("Address").getAttribute("aria-invalid")) === "true");
    assert.notEqual(await adding().getByRole("alert").innerText(), "", address);
  }
  assert.equal(await page.rows().count(), 0);
});

test("a good one is added, checked, and told apart from local ones", async () => {
  await type(CONSOLE);
  await adding().waitFor({ state: "hidden" });
  const row = page.row(HOSTS[1].address);
  await shows(row.locator(".state"), "Up");
  await shows(row.locator(".tag"), "Remote");
  await shows(row.locator(".c-latency"), "ms");
  await shows(page.tab.locator("#remote-rows .group"), "Added by hand");
  assert.equal(await row.locator(".c-address a").getAttribute("href"), `https://${CONSOLE}/`);
  await page.tab.getByRole("button", { name: "Add a peer" }).click();
  await type(CONSOLE);
  await until("that it is known is said", async () => (await adding().getByRole("alert").innerText()).includes("already"));
  await page.tab.keyboard.press("Escape");
});

test("the certificate of its console is shown in its detail", async () => {
  await page.row(HOSTS[1].address).locator(".name").click();
  const sheet = page.tab.getByRole("dialog", { name: HOSTS[1].address });
  await until("64 digits", async () => /[0-9a-f]{64}/.test(await sheet.innerText()));
});

test("it is removed when that is meant", async () => {
  const sheet = page.tab.getByRole("dialog", { name: HOSTS[1].address });
  await sheet.getByRole("button", { name: "Remove …" }).click();
  await asking().getByRole("button", { name: "Cancel" }).click();
  await shows(page.row(HOSTS[1].address).locator(".state"), "Up");
  await sheet.getByRole("button", { name: "Remove …" }).click();
  await asking().getByRole("button", { name: "Remove", exact: true }).click();
  await shows(sheet, "not on the list any more");
  await page.tab.keyboard.press("Escape");
  await page.row(HOSTS[1].address).waitFor({ state: "hidden" });
});

test("a link signs in once, and is not left in the address", async () => {
  const link = subject.say("open").trim();
  const other = await open("/");
  await other.tab.goto(link);
  await other.tab.getByRole("button", { name: "Sign out" }).waitFor();
  assert.equal(other.tab.url(), `${ORIGIN}/`);
  await other.tab.getByRole("button", { name: "Sign out" }).click();
  await other.tab.getByRole("button", { name: "Sign in" }).waitFor();
  other.sound();
  await other.tab.getByRole("button", { name: "Sign in" }).click();
  await other.tab.getByLabel("Link or token").fill(link);
  await other.tab.locator("#sign-form").getByRole("button", { name: "Sign in" }).click();
  await shows(other.tab.locator("#sign-error"), "good once");
  await other.tab.getByLabel("Link or token").fill(subject.say("open").trim());
  await other.tab.locator("#sign-form").getByRole("button", { name: "Sign in" }).click();
  await other.tab.getByRole("button", { name: "Sign out" }).waitFor();
  await other.close();
});

test("whose a name is, is settled in the detail", async () => {
  const first = await daemon(HOSTS[1], "kvm-2", { state: "/run/hosts/old" });
  await shows(page.row("kvm-2").locator(".state"), "Up");
  await kept("kvm-2");
  await first.stop();
  await shows(page.row("kvm-2").locator(".state"), "Down");
  await daemon(HOSTS[2], "kvm-2", { state: "/run/hosts/new" });
  const conflict = page.tab.locator("#list tbody tr").filter({ hasText: "Conflict" });
  await conflict.first().waitFor();
  await shows(conflict.locator(".c-address"), "no link");
  await page.tab.getByRole("link", { name: "This host" }).click();
  await shows(page.tab.locator("#view-host"), "kvm-2 is claimed by two hosts");
  await page.tab.getByRole("link", { name: "Peers" }).click();
  await conflict.locator(".name").click();
  const sheet = page.tab.getByRole("dialog", { name: "kvm-2" });
  await shows(sheet, "Conflict:");
  await sheet.getByRole("button", { name: "Trust …" }).click();
  await asking().getByRole("button", { name: "Trust", exact: true }).click();
  await sheet.getByRole("button", { name: "Trust …" }).waitFor({ state: "hidden" });
  await page.tab.keyboard.press("Escape");
  await conflict.first().waitFor({ state: "hidden" });
  await page.tab.locator("#list tbody tr").filter({ hasText: "Down" }).locator(".name").click();
  await sheet.getByRole("button", { name: "Forget …" }).click();
  await asking().getByRole("button", { name: "Forget", exact: true }).click();
  await shows(sheet, "not on the list any more");
  await page.tab.keyboard.press("Escape");
  await until("one row is left", async () => (await page.rows().count()) === 1);
});

test("from another host nothing is shown to who is not signed in", async () => {
  const far = await daemon(HOSTS[1], "kvm-far", { options: ["--api", "0.0.0.0:18443", "--tls", "self-signed"] });
  const other = await open("/", { origin: `https://${HOSTS[1].address}:18443`, ignoreHTTPSErrors: true, isOpen: false });
  const dialog = other.tab.getByRole("dialog", { name: "Sign in" });
  await shows(dialog, "From another host, reading needs to be signed in too.");
  await shows(other.tab.locator("#summary"), "Sign in to see what this host sees.");
  assert.equal(await other.rows().count(), 0);
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await other.tab.getByRole("button", { name: "Sign in" }).click();
  await dialog.getByLabel("Link or token").fill(far.token());
  await dialog.getByRole("button", { name: "Sign in" }).click();
  await shows(other.row("kvm-1").locator(".state"), "Up");
  await shows(other.tab.locator("#own-name"), "kvm-far");
  await other.tab.getByRole("button", { name: "Search now" }).click();
  await shows(other.tab.locator("#search-words"), "Asked:");
  other.sound(REFUSED);
  await other.close();
  await far.stop();
});

test("after the daemon began anew a change asks to sign in again", async () => {
  await subject.stop();
  subject = await daemon(HOSTS[0], "kvm-1");
  await page.tab.locator('#connection[data-state="live"]').waitFor();
  await page.tab.locator("#away").waitFor({ state: "hidden" });
  await page.tab.getByRole("button", { name: "Add a peer" }).click();
  await type(CONSOLE);
  await signing().getByLabel("Link or token").fill(subject.token());
  await signing().getByRole("button", { name: "Sign in" }).click();
  await shows(page.row(HOSTS[1].address).locator(".state"), "Up");
  page.sound([...REFUSED, /console: Failed to load resource: net::ERR_/]);
});
