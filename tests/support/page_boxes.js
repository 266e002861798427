// Returns what is wrong with the boxes of the page, as a list of texts in JSON.
(() => {
  const found = [];
  const name = (e) => `${e.tagName.toLowerCase()}.${e.className.baseVal ?? e.className} ${(e.getAttribute("aria-label") || e.textContent).trim().slice(0, 40)}`;
  const seen = (e) => e.checkVisibility() && !e.closest(".sr, .skip") && e.getClientRects().length > 0;
  const scrolls = (e) => e.closest(".lines, .graph, .scroll");
  if (document.documentElement.scrollWidth > innerWidth) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
  const edge = document.documentElement.clientWidth + 1;
  const boxes = [...document.querySelectorAll("button, .button, a, input, select, .word, .pill, .chip, .tag, th, td, h1, h2, h3, .port")].filter((e) => seen(e) && !scrolls(e));
  for (const e of boxes) {
      const box = e.getBoundingClientRect();
      if (box.right > edge || box.left < -1) found.push(`beyond the edge: ${name(e)}`);
      if (e.matches(".word, .pill, .chip, button:not(.text):not(.fold)") && !e.querySelector(".fold") && box.height > 36) found.push(`broken into lines: ${name(e)}`);
      if (e.matches("button, .button, input, select") && (box.width < 24 || box.height < 23.5)) found.push(`small: ${name(e)}`);
      if (e.matches(".service > *") && e.textContent.trim() && box.width < 28) found.push(`narrow: ${name(e)}`);
  }
  // Controls and texts lie beside each other.
  const leaves = boxes.filter((e) => e.matches("button, .button, a, input, select, .word, .pill, .chip, .tag, .port, .count"));
  const rows = new Map();
  for (const e of leaves) {
      const top = e.closest(".service, .told, header, .filters, .tools, .tabs, .crumbs, .facts, h2");
      if (!top) continue;
      if (!rows.has(top)) rows.set(top, []);
      rows.get(top).push(e);
  }
  for (const members of rows.values()) {
      for (let at = 0; at < members.length; at++) {
          for (const other of members.slice(at + 1)) {
              const one = members[at];
              if (one.contains(other) || other.contains(one)) continue;
              const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
              const overlap = Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
              if (overlap) found.push(`overlap: ${name(one)} and ${name(other)}`);
          }
      }
  }
  // Texts stay inside their cells.
  for (const cell of document.querySelectorAll(".service > *")) {
      const range = document.createRange();
      range.selectNodeContents(cell);
      const [inner, outer] = [range.getBoundingClientRect(), cell.getBoundingClientRect()];
      if (seen(cell) && inner.right > outer.right + 2) found.push(`out of its cell: ${name(cell)}`);
  }
  // Columns stand below their headings.
  for (const table of document.querySelectorAll(".services")) {
      const heads = [...table.querySelectorAll("thead th")].filter((e) => seen(e));
      for (const row of table.querySelectorAll(".service")) {
          const cells = [...row.children].filter((e) => seen(e));
          if (heads.length && cells.length !== heads.length) found.push(`a column without its heading: ${name(row)}`);
      else if (heads.length && cells.some((e, at) => Math.abs(e.getBoundingClientRect().left - heads[at].getBoundingClientRect().left) > 1)) found.push(`not below its heading: ${name(row)}`);
      }
  }
  // The headings stand in one line, and so does what is at the end of the bar.
  for (const line of document.querySelectorAll(".services thead tr, .top-end")) {
    const middles = [...line.children].filter((e) => seen(e)).map((e) => e.getBoundingClientRect()).map((box) => box.top + box.height / 2);
    if (middles.length && Math.max(...middles) - Math.min(...middles) > 12) found.push(`not in one line: ${name(line)}`);
  }
  // A row of services takes a few lines.
  for (const row of document.querySelectorAll(".service")) {
      if (row.getBoundingClientRect().height > 200) found.push(`high: ${name(row)} ${row.getBoundingClientRect().height}`);
  }
  return JSON.stringify([...new Set(found)].slice(0, 12));
})()
