// The theme: that of the system, or light or dark if a person would rather have it so.

import { drawn } from "./dom.js";

const SUN = "M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M5.6 18.4 7 17M17 7l1.4-1.4M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z";
const MOON = "M19 14.5A8 8 0 0 1 9.5 5a8 8 0 1 0 9.5 9.5z";
const HALF = "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 4v16M12 8h5.5M12 12h8M12 16h5.5";
const THEMES = [["", "that of the system", HALF], ["light", "light", SUN], ["dark", "dark", MOON]];

/** Makes a button go through the themes. */
export function prepareTheme(button) {
  const root = document.documentElement;
  const current = () => Math.max(0, THEMES.findIndex(([name]) => name === (root.dataset.theme ?? "")));
  const label = () => {
    const [, words, path] = THEMES[current()];
    button.replaceChildren(drawn("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, drawn("path", { d: path })));
    button.setAttribute("aria-label", `Theme: ${words}`);
    button.title = `Theme: ${words}`;
  };
  button.addEventListener("click", () => {
    const [name] = THEMES[(current() + 1) % THEMES.length];
    if (name) root.dataset.theme = name;
    else delete root.dataset.theme;
    try {
      localStorage.setItem("theme", name);
    } catch {
      // A browser that keeps nothing forgets the choice with the page.
    }
    label();
    // What is drawn pixel by pixel follows.
    window.dispatchEvent(new Event("themechange"));
  });
  label();
}
