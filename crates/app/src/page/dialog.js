// Dialogs: opened, answered or closed; the focus goes back to where it was by itself.

import { byId, setText } from "./dom.js";

/** Shows a dialog until it is answered; whether it was, or just closed. */
export function openDialog(dialog, { focus } = {}) {
  const error = dialog.querySelector(".error");
  if (error) setText(error, "");
  dialog.querySelectorAll("[aria-invalid]").forEach((field) => field.removeAttribute("aria-invalid"));
  dialog.returnValue = "";
  dialog.showModal();
  focus?.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "done"), { once: true });
  });
}

/**
 * What happens when the form of the dialog NAME is sent: `action` does it, and the dialog closes; or it throws, and the
 * reason is shown beside `field`, the dialog stays open and nothing that was typed is lost.
 */
export function submitting(name, action, field) {
  const [form, dialog, error] = [byId(`${name}-form`), byId(`${name}-dialog`), byId(`${name}-error`)];
  const button = form.querySelector("[type=submit]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    setText(error, "");
    field?.removeAttribute("aria-invalid");
    try {
      await action();
      dialog.close("done");
    } catch (reason) {
      setText(error, sentence(reason.message));
      field?.setAttribute("aria-invalid", "true");
      (field ?? button).focus();
    } finally {
      button.disabled = false;
    }
  });
}

/** A reason of the API as a sentence: with a capital and a full stop, but none after a command that may be copied. */
export function sentence(reason) {
  const text = reason.trim();
  if (!text) return "";
  // A name or an address that begins it stays as it is.
  const begins = /^[a-z]+[ ,]/.test(text) ? text[0].toUpperCase() + text.slice(1) : text;
  return /[.!?:]$|: [^:]+$/.test(begins) ? begins : `${begins}.`;
}

let meant = null;

/** Asks whether something is meant, and does it; what it is called stands on the button. */
export function askAndDo({ title, words, button, action }) {
  setText(byId("ask-heading"), title);
  setText(byId("ask-words"), words);
  setText(byId("ask-form").querySelector("[type=submit]"), button);
  meant = action;
  return openDialog(byId("ask-dialog"), { focus: byId("ask-form").querySelector("[data-close]") });
}

submitting("ask", () => meant());

// Every dialog closes by its buttons, by Escape, and by a click beside it.
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
}
