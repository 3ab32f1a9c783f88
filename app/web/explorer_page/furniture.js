// What moves about the page: tabs, splitters, light and dark.

import { recall, remember } from './store.js';

const LIMITS = { side: [180, 560], work: [260, 1400] };

export function furnish() {
  for (const tab of document.querySelectorAll('[data-tab]')) tab.onclick = () => show(tab.dataset.tab);
  for (const bar of document.querySelectorAll('[data-split]')) splitter(bar);
  const button = document.getElementById('theme');
  theme(recall('theme', null));
  button.onclick = () => {
    const dark = document.documentElement.dataset.theme
      ? document.documentElement.dataset.theme === 'dark'
      : matchMedia('(prefers-color-scheme: dark)').matches;
    theme(dark ? 'light' : 'dark');
  };
}

export function show(name) {
  for (const tab of document.querySelectorAll('[data-tab]')) {
    const on = tab.dataset.tab === name;
    tab.setAttribute('aria-selected', String(on));
    document.getElementById(tab.dataset.tab).hidden = !on;
  }
}

function theme(name) {
  if (name) document.documentElement.dataset.theme = name;
  remember('theme', name);
}

function splitter(bar) {
  const name = bar.dataset.split;
  const set = (width) => document.documentElement.style.setProperty(`--${name}`, `${width}px`);
  const kept = recall(`split.${name}`, null);
  if (kept) set(kept);
  bar.onpointerdown = (down) => {
    const pane = bar.previousElementSibling;
    const begun = pane.getBoundingClientRect().width;
    bar.setPointerCapture(down.pointerId);
    bar.onpointermove = (move) => {
      const [least, most] = LIMITS[name];
      const width = Math.round(Math.max(least, Math.min(most, begun + move.clientX - down.clientX)));
      set(width);
      remember(`split.${name}`, width);
    };
    bar.onpointerup = () => { bar.onpointermove = null; };
  };
}
