// Icons of buttons, 16 by 16.

import { html } from "./vendor/htm-preact.js";

const PATHS = {
  start: html`<path d="M5 3.2v9.6L12.5 8z" class="solid" />`,
  stop: html`<rect x="4" y="4" width="8" height="8" rx="1" class="solid" />`,
  restart: html`<path d="M12.7 6.2A5 5 0 1 0 13 8.6M13 3v3.4H9.6" />`,
  logs: html`<path d="M3 4h10M3 8h10M3 12h6" />`,
  more: html`<path d="M3.5 8h.01M8 8h.01M12.5 8h.01" class="dots" />`,
  open: html`<path d="M6.5 3.5h-3v9h9v-3M9 3h4v4M13 3 7.5 8.5" />`,
  copy: html`<path d="M6 6h7v7H6zM3.5 10V3.5H10" />`,
  search: html`<circle cx="7" cy="7" r="4" /><path d="m10 10 3.5 3.5" />`,
  light: html`<circle cx="8" cy="8" r="2.8" /><path d="M8 1.5v1.6M8 12.9v1.6M1.5 8h1.6M12.9 8h1.6M3.4 3.4l1.1 1.1M11.5 11.5l1.1 1.1M3.4 12.6l1.1-1.1M11.5 4.5l1.1-1.1" />`,
  dark: html`<path d="M13 9.6A5.5 5.5 0 0 1 6.4 3 5.5 5.5 0 1 0 13 9.6z" />`,
  system: html`<rect x="2.5" y="3" width="11" height="7.5" rx="1" /><path d="M6 13.5h4" />`,
  branch: html`<circle cx="5" cy="4" r="1.5" /><circle cx="5" cy="12" r="1.5" /><circle cx="11" cy="6" r="1.5" /><path d="M5 5.5v5M11 7.5c0 2-3 2-5 3" />`,
  fold: html`<path d="m6 4 4 4-4 4" />`,
  close: html`<path d="m4 4 8 8M12 4l-8 8" />`,
  download: html`<path d="M8 2.5v7M5 7l3 3 3-3M3 13h10" />`,
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">${PATHS[name]}</svg>`;
}
